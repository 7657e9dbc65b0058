import asyncio

from mediamesh_testing.waiting import eventually
from operator_bodies import pod
from operator_scenes import CAM, Scene

from mediamesh_operator.metrics import Metrics
from mediamesh_operator.reconciler import Key, Reconciler, rest_after
from mediamesh_operator.workqueue import WorkQueue


def test_the_worker_plans_offers_and_passes_on_who_is_to_be_looked_at() -> None:
    async def play() -> None:
        scene, metrics, told, nodes = Scene(), Metrics(), list[str](), set[str]()
        scene.furnish()
        queue: WorkQueue[Key] = WorkQueue(asyncio.get_running_loop().time)
        running = asyncio.create_task(Reconciler(scene.outlook, queue, metrics, told.append, nodes.add).run())
        session = scene.connect()
        scene.report(session)
        queue.add(("agent", "node-a"))
        sent = await session.next_plan()
        assert sent.revision == 5
        assert told == [CAM]
        assert nodes == {"node-a", "node-b"}

        scene.report(session, sent.digest)
        queue.add(("agent", "node-a"))
        await eventually(lambda: told == [CAM, CAM])

        scene.world.put_pod(pod("wall-1", app="wall"))
        queue.add(("pod", "uid-wall-1"))
        assert (await session.next_plan()).digest != sent.digest

        queue.add(("connection", CAM))
        await eventually(lambda: len(told) == 4)
        rounds = metrics.registry.get_sample_value("mediamesh_operator_reconcile_duration_seconds_count")
        assert rounds == 4
        running.cancel()
        await asyncio.wait([running])

    asyncio.run(play())


def test_most_of_the_time_is_left_to_others_and_nobody_waits_for_long() -> None:
    assert [rest_after(took) for took in (0.0, 0.001, 0.03, 1.0)] == [0.0, 0.004, 0.12, 0.2]
