"""Images made of packages, wheels and files do what images do, and the same content makes the same bytes."""

import json
import tarfile
import zipfile
from pathlib import Path

import pytest

from mediamesh_e2e.backends.backend import Backend
from mediamesh_e2e.errors import BuildFailed
from mediamesh_e2e.images import debian
from mediamesh_e2e.images.archive import Start, write_archive, write_layer
from mediamesh_e2e.images.distributions import distributions
from mediamesh_e2e.images.image import Image, archived, layers
from mediamesh_e2e.pods import Pods, pod
from mediamesh_e2e.toolchain import cached

GREETER = {
    "greeter.py": "import os\ndef main() -> None:\n    print('hello', os.getuid(), os.environ['WHO'], flush=True)\n",
    "greeter-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: greeter\nVersion: 1\n",
    "greeter-1.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    "greeter-1.dist-info/entry_points.txt": "[console_scripts]\ngreet = greeter:main\n",
    "greeter-1.dist-info/RECORD": "",
}


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    file = tmp_path / "greeter-1-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as content:
        for name, text in GREETER.items():
            content.writestr(zipfile.ZipInfo(name), text)  # of a fixed time: the same bytes in every run
    return file


def blobs(archive: tarfile.TarFile, kind: str) -> dict[str, object]:
    """Follow an archive from its index to its manifest or configuration."""
    index = json.loads(read(archive, "index.json"))
    manifest = json.loads(read(archive, blob(index["manifests"][0]["digest"])))
    return dict(manifest if kind == "manifest" else json.loads(read(archive, blob(manifest["config"]["digest"]))))


def read(archive: tarfile.TarFile, name: str) -> bytes:
    content = archive.extractfile(name)
    assert content
    return content.read()


def blob(digest: str) -> str:
    return "blobs/" + digest.replace(":", "/")


def test_a_container_runs_a_wheels_program_as_the_user_of_the_image(backend: Backend, pods: Pods, wheel: Path) -> None:
    start = Start(("greet",), user="1234:1234", environment={"WHO": "world"})
    reference = backend.provide(Image("registry.test/greeter:1", start, wheels=(wheel,), files={"/etc/note": "kept"}))
    once = {"restartPolicy": "Never"}
    pods.kubectl.apply(
        pod("greets", reference, spec=once),
        pod("reads", reference, ["cat", "/etc/note"], spec=once),
        namespace=pods.namespace,
    )
    done = ["--for=jsonpath={.status.phase}=Succeeded", "pods", "--all", "--timeout=60s"]
    pods.kubectl("wait", "--namespace", pods.namespace, *done)

    assert pods.kubectl("logs", "--namespace", pods.namespace, "greets").strip() == "hello 1234 world"
    assert pods.kubectl("logs", "--namespace", pods.namespace, "reads") == "kept"


def test_our_distributions_are_wheels_with_what_they_need_pinned() -> None:
    made = distributions("mediamesh-core", "mediamesh-protos")

    assert {wheel.name.partition("-")[0] for wheel in made.wheels} == {"mediamesh_core", "mediamesh_protos"}
    assert "pydantic==" in made.requirements
    assert "--hash=sha256:" in made.requirements
    assert distributions("mediamesh-core", "mediamesh-protos") == made


def test_the_same_content_is_built_once(wheel: Path) -> None:
    image = Image("registry.test/greeter:1", Start(("greet",)), wheels=(wheel,))
    changed = Image("registry.test/greeter:1", Start(("greet",)), wheels=(wheel,), files={"/etc/note": "new"})

    assert layers(image) == layers(image)
    assert layers(changed)[:-1] == layers(image)[:-1]
    assert layers(changed)[-1] != layers(image)[-1]
    with archived(image) as archive:
        assert archive.stat().st_size > sum(layer.stat().st_size for layer in layers(image))
    assert not archive.exists()


def test_an_archive_names_image_command_user_and_layers(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "etc").mkdir(parents=True)
    (tree / "etc" / "note").write_text("text")
    write_layer(tree, tmp_path / "one.tar")
    (tree / "etc" / "note").touch()  # a later time
    write_layer(tree, tmp_path / "two.tar")
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "two.tar").read_bytes()

    write_archive(
        "registry.test/a:1", Start(("run", "it"), "7:8", {"A": "B"}), [tmp_path / "one.tar"], tmp_path / "image"
    )
    with tarfile.open(tmp_path / "image") as archive:
        (entry,) = json.loads(read(archive, "index.json"))["manifests"]
        configuration, manifest = blobs(archive, "config"), blobs(archive, "manifest")

    assert entry["annotations"]["io.containerd.image.name"] == "registry.test/a:1"
    assert configuration["config"] == {
        "Entrypoint": ["run", "it"],
        "User": "7:8",
        "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "A=B"],
        "WorkingDir": "/",
    }
    assert json.dumps(configuration["rootfs"]).count("sha256:") == 1
    assert str((tmp_path / "one.tar").stat().st_size) in json.dumps(manifest["layers"])


def test_a_package_that_there_is_not_is_named() -> None:
    with pytest.raises(BuildFailed, match="mediamesh-no-such-package"):
        debian.debian_layer(["mediamesh-no-such-package"])


def test_what_failed_to_be_made_leaves_nothing_and_is_made_anew() -> None:
    def fail(folder: Path) -> None:
        (folder / "half").touch()
        raise OSError("disk full")

    with pytest.raises(BuildFailed, match="thing: disk full"):
        cached("a thing that fails", "thing", fail)
    made = cached("a thing that fails", "thing", lambda folder: (folder / "whole").touch())

    assert [file.name for file in made.iterdir()] == ["whole"]
    for file in made.iterdir():
        file.unlink()
    made.rmdir()
