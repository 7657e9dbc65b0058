"""What mediamesh costs, beside what others cost, in one run on one machine.

`make bench` (`python -m bench` in the root) runs the cases of `bench.registry`, each in a module of its own in
`bench.cases`. A case measures what it is about in turns with its peer, A B A B, so that both meet the same noise, and
gives medians over the rounds. Everything measured runs in processes of its own (`bench.actors`), because that is what
the mesh is for, and because a measuring process must not be measured.
"""
