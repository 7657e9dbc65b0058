"""What the tests of all distributions are made with; on pytest's path, not shipped.

A real hub (`hub`) with plans (`plans`), real applications in processes of their own (`actors`), agents (`agents`),
clients without manners (`rawclient`, `rings`), and one way to wait for what nothing tells us about (`waiting`).
"""
