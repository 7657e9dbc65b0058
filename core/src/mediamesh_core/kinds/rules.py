"""The rules between fields, as the API server checks them: the twin, in CEL, of each validator of the models.

Whoever applies an object is told at once, by the API server, what a validator of ours would say later. Both say the
same of the same object: a corpus of good and bad objects is shown to both. What CEL cannot see (whether a pool fits,
whether there is such a pixel format) the operator says, by `Accepted=False`.

A rule is evaluated at the mapping or text whose it is, which it calls `self`; `field` is where the fault is shown.
Field names that are words of CEL would have to be escaped; there are none so far.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rule:
    """What has to be so."""

    cel: str
    message: str
    """For people, when it is not."""
    field: str = ""
    """Path to the field at fault, from `self`."""

    def as_schema(self) -> dict[str, str]:
        """Return it as an item of `x-kubernetes-validations`."""
        return {"rule": self.cel, "message": self.message} | ({"fieldPath": self.field} if self.field else {})


def exactly_one(*names: str) -> Rule:
    """Return the rule that one of these fields is there."""
    given = " + ".join(f"(has(self.{name}) ? 1 : 0)" for name in names)
    return Rule(f"{given} == 1", f"exactly one of {', '.join(names)} is needed")


_LABEL = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
_CONTAINERS = r"\\.(mkv|mp4|mov)$"
_PAIRS = "['v210', 'yuv422p10rfc4175']"

NAME = Rule(
    f"self.matches('{_LABEL}')",
    "a name has 1 to 63 of a-z, 0-9 and '-', with a letter or digit at both ends",
)
MEDIA_PATHS = (
    Rule(r"self.matches('^([^\\pC\\pZ]| )+$') && !self.endsWith('/')", "this is not the path of a file"),
    Rule(
        "!self.matches('^[/~]|(^|/)[.][.](/|$)')",
        "the path leaves the media folder; write one relative to it, without '..'",
    ),
)
RECORDING_PATHS = (
    *MEDIA_PATHS,
    Rule(
        "self.matches('^([^%]|%[aAbBdGHIjmMpSuUVyYzZs%])*$')",
        "only parts of a date may follow '%', such as %Y, %m, %d, %H, %M, %S; write %% for '%'",
    ),
    Rule(
        r"self.matches('[^/][.](mkv|mp4|mov|wav|y4m|raw)$')",
        "the path does not say which file it is to be; end it in .mkv, .mp4, .mov, .wav, .y4m or .raw",
    ),
)
SOCKET = Rule(
    "self.matches('^@?[A-Za-z0-9][A-Za-z0-9._-]*$')",
    "this is not a socket; write a file name such as peer.sock, or @name for an abstract one",
)
HUB_FILES = (
    "agent.sock",
    "attach.sock",
    "bridges",
    "hub.lock",
    "hub.log",
    "hub.sock",
    "plan.pb",
    "plan.pb.new",
    "pods",
)
"""What the hub has in the folder in which the sockets of peers are: a peer's socket would take its place."""
FREE_SOCKET = Rule(
    f"!(self in {[*HUB_FILES]})",
    "this is a name of the hub's own in that folder; write another, such as peer.sock",
)
OWN_BRIDGES = ("file", "moq", "rtmp", "rtp", "rtsp", "st2110")
FOREIGN = Rule(
    f"!(self in {[*OWN_BRIDGES]})",
    "this is a bridge of mediamesh; write its own field in the place of bridge, with its settings",
)
SECRET = Rule("size(bytes(self)) <= 24", "a memif secret has at most 24 bytes")


def _no_sink(kind: str, suffixes: str) -> str:
    """Return that no recording of this payload has such a suffix."""
    return f"!has(self.payload.{kind}) || self.sinks.all(s, !has(s.file) || !s.file.path.matches('[.]({suffixes})$'))"


OBJECT_NAME = Rule(f"self.metadata.name.size() <= 63 && self.metadata.name.matches('{_LABEL}')", NAME.message)

RULES: Mapping[str, tuple[Rule, ...]] = {
    "MediaConnection": (OBJECT_NAME,),
    "Spec": (
        Rule(
            "self.sinks.all(s, s.name != self.source.name)",
            "a sink has the name of the source; each endpoint needs its own",
            ".sinks",
        ),
        Rule(
            "self.source.waitForSinks <= self.sinks.map(s, "
            "has(s.maxAttachments) ? s.maxAttachments : (has(s.pod) ? 4 : 1)).sum()",
            "so many sinks can never be attached: all together have room for fewer",
            ".source.waitForSinks",
        ),
        Rule(
            "!has(self.source.file) || has(self.payload.video) || has(self.payload.audio) || has(self.payload.encoded)",
            "a file can be played as video, audio or encoded only",
            ".source.file",
        ),
        Rule(
            "!has(self.source.file) || !has(self.payload.video) || !self.source.file.path.endsWith('.wav')",
            "a .wav file has no video in it; play another file",
            ".source.file.path",
        ),
        Rule(
            "!has(self.source.file) || has(self.payload.video) || !self.source.file.path.endsWith('.y4m')",
            "a .y4m file has uncompressed video in it and nothing else; play another file",
            ".source.file.path",
        ),
        Rule(
            _no_sink("video", "wav"),
            "a .wav file cannot hold video; end the path in .mkv, .mp4, .mov, .y4m or .raw",
            ".sinks",
        ),
        Rule(
            _no_sink("audio", "y4m"),
            "a .y4m file cannot hold audio; end the path in .mkv, .mp4, .mov, .wav or .raw",
            ".sinks",
        ),
        Rule(
            _no_sink("encoded", "wav|y4m"),
            "neither .wav nor .y4m can hold encoded media; end the path in .mkv, .mp4, .mov or .raw",
            ".sinks",
        ),
        Rule(
            _no_sink("ancillary", "mkv|mp4|mov|wav|y4m"),
            "only .raw can hold ancillary packets; end the path in .raw",
            ".sinks",
        ),
        Rule(
            _no_sink("blob", "mkv|mp4|mov|wav|y4m"),
            "only .raw can hold blobs; end the path in .raw",
            ".sinks",
        ),
        Rule(
            "has(self.payload.video) || self.sinks.all(s, !has(s.file) || !has(s.file.codec))",
            "codec is for uncompressed video only; leave it out",
            ".sinks",
        ),
        Rule(
            f"!has(self.payload.video) || self.payload.video.width % 2 == 0 || "
            f"!(self.payload.video.pixelFormat in {_PAIRS}) || "
            f"((!has(self.source.file) || self.source.file.path.endsWith('.raw')) && "
            f"self.sinks.all(s, !has(s.file) || !s.file.path.matches('{_CONTAINERS}')))",
            "FFmpeg has v210 and yuv422p10rfc4175 in pairs of pixels: make the width even, use .raw, or another format",
            ".payload.video.width",
        ),
    ),
    "Payload": (exactly_one("video", "audio", "ancillary", "encoded", "blob"),),
    "Video": (
        Rule(
            "!has(self.scan) || self.scan == 'progressive' || self.height % 2 == 0",
            "the height is odd, which interlaced and psf video cannot be",
            ".height",
        ),
        Rule(
            "!has(self.fieldOrder) || (has(self.scan) && self.scan == 'interlaced')",
            "only interlaced video has a field order; leave it out",
            ".fieldOrder",
        ),
        Rule(
            "!has(self.colorimetry) || !has(self.range) || self.colorimetry != 'BT2100' || self.range != 'FULLPROTECT'",
            "BT2100 is NARROW or FULL, never FULLPROTECT",
            ".range",
        ),
    ),
    "Audio": (
        Rule(
            "!has(self.packetTime) || !has(self.samplesPerFrame)",
            "packetTime and samplesPerFrame say the same; leave one out",
            ".packetTime",
        ),
    ),
    "Encoded": (
        Rule(
            "!has(self.alignment) || self.alignment == 'accessUnit' || self.codec in ['h264', 'hevc', 'vvc']",
            "only h264, hevc and vvc have NAL units; leave alignment out",
            ".alignment",
        ),
    ),
    "Source": (exactly_one("pod", "memif", "file", "bridge"),),
    "Sink": (
        exactly_one("pod", "memif", "file", "bridge"),
        Rule(
            "has(self.pod) || !has(self.maxAttachments) || self.maxAttachments == 1",
            "only a pod sink can be more than 1; leave maxAttachments out",
            ".maxAttachments",
        ),
    ),
    "FileSink": (
        Rule(
            f"!has(self.codec) || self.path.matches('{_CONTAINERS}')",
            "codec is for .mkv, .mp4 and .mov only; leave it out",
            ".codec",
        ),
    ),
    "MemifEndpoint": (
        Rule(
            "!has(self.pod) || !has(self.nodeName)",
            "nodeName is for peers on the host; leave it out beside pod",
            ".nodeName",
        ),
        Rule(
            "!has(self.pod) || !self.socket.startsWith('@')",
            "an abstract socket is in no pod's folder; write a file name",
            ".socket",
        ),
    ),
    "NetworkSpec": (
        exactly_one("interface", "virtualFunctions", "resourceName"),
        Rule(
            "self.backend != 'mtl' || !has(self.interface)",
            "backend mtl needs virtual functions; name virtualFunctions or resourceName",
            ".backend",
        ),
        Rule(
            "!has(self.interface) || !(has(self.link.trust) || has(self.link.spoofCheck) || "
            "has(self.link.minRateMbps) || has(self.link.maxRateMbps))",
            "trust, spoofCheck and rates are set on virtual functions; leave them out beside interface",
            ".link",
        ),
    ),
    "MediaNetwork": (
        OBJECT_NAME,
        Rule(
            "!has(self.spec.redundantWith) || self.spec.redundantWith != self.metadata.name",
            "a network cannot be redundant with itself; name the other one",
            ".spec.redundantWith",
        ),
    ),
    "VirtualFunctions": (
        Rule(
            "has(self.pfName) || has(self.pciAddress) || has(self.vendor) || has(self.numaNode)",
            "say which: by pfName, pciAddress, vendor and device, or numaNode",
        ),
        Rule("has(self.vendor) == has(self.device)", "vendor and device are given together", ".device"),
    ),
    "Link": (
        Rule(
            "!has(self.vlanPriority) || has(self.vlan)",
            "a priority is part of a VLAN tag; give vlan as well",
            ".vlanPriority",
        ),
        Rule(
            "!has(self.minRateMbps) || !has(self.maxRateMbps) || self.minRateMbps <= self.maxRateMbps",
            "minRateMbps is above maxRateMbps",
            ".minRateMbps",
        ),
    ),
    "AddressRange": (
        Rule("isIP(self.first) && isIP(self.last)", "first and last are IP addresses, such as 192.168.10.16", ".first"),
        Rule(
            "!isIP(self.first) || !isIP(self.last) || ip(self.first).family() == ip(self.last).family()",
            "first and last are of one family, both IPv4 or both IPv6",
            ".last",
        ),
        Rule(
            "!isIP(self.first) || ip(self.first).family() == 6 || self.prefixLength <= 32",
            "a prefix of IPv4 has at most 32 bits",
            ".prefixLength",
        ),
        Rule("!has(self.gateway) || isIP(self.gateway)", "gateway is an IP address", ".gateway"),
    ),
    "Multicast": (
        Rule(
            "isCIDR(self.range) && (cidr('224.0.0.0/4').containsCIDR(self.range) || "
            "cidr('ff00::/8').containsCIDR(self.range))",
            "range is a range of multicast addresses, such as 239.10.0.0/16",
            ".range",
        ),
    ),
    "Ports": (Rule("self.first <= self.last", "first is above last", ".first"),),
    "PayloadTypes": (
        Rule(
            "self.video != self.audio && self.video != self.ancillary && self.audio != self.ancillary",
            "each kind of media has its own payload type",
        ),
    ),
}
"""By the name of the model."""
