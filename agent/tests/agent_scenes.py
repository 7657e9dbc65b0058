"""Agents that know something, without a hub."""

from pathlib import Path

from agent_observations import plan

from mediamesh_agent.hubprocess import HubSettings
from mediamesh_agent.local import AgentSettings, LocalAgent
from mediamesh_protos import hub_pb2


def knowing(root: Path, *observations: hub_pb2.Observed) -> LocalAgent:
    """An agent that has made these observations; call it inside a running loop or outside."""
    agent = LocalAgent(AgentSettings(HubSettings(root, root), ()))
    agent.files.plan = plan()
    for each in observations:
        agent.facts.observed = each
        agent.facts.ledger.update(each)
        agent.facts.history.add(each, agent.facts.ledger)
    return agent
