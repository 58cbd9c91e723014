"""What a worker has told, and what plain pytest tells of the same."""


def kinds(events):
    return [event["t"] for event in events]


def ends(agent):
    return {agent.items[event["i"]][0]: event["o"] for event in agent.log if event["t"] == "end"}


def reports(agent):
    return [event for event in agent.log if event["t"] == "report"]


def counts(agent):
    """The summary line's numbers by the protocol's rule."""
    found, told = {}, set()
    for event in agent.log:
        if event["t"] == "report" and event["category"]:
            told.add(event["i"])
            found[event["category"]] = found.get(event["category"], 0) + 1
        if event["t"] == "end":
            if event["i"] not in told:
                found[event["o"]] = found.get(event["o"], 0) + 1
            told.discard(event["i"])
    return found


def plain_counts(project, *args):
    last = project.plain("-p", "no:cacheprovider", *args).stdout.strip().splitlines()[-1]
    found = {}
    for part in last.strip("= ").rsplit(" in ", 1)[0].split(", "):
        number, name = part.split(" ", 1)
        name = {"errors": "error", "warning": "warnings"}.get(name, name)
        if name not in ("warnings", "deselected"):
            found[name] = int(number)
    return found


def plain_ids(project, *args):
    """What plain pytest collects, by file, and the number of errors."""
    told = project.plain("-p", "no:cacheprovider", "--collect-only", "-q", "--continue-on-collection-errors", *args).stdout
    return [line for line in told.splitlines() if "::" in line and not line.startswith(("ERROR", "SKIPPED"))]


def by_file(ids):
    """Ids by file, files in the order of their first id."""
    found = {}
    for nodeid in ids:
        found.setdefault(nodeid.split("::", 1)[0], []).append(nodeid)
    return found


def streamed(project, *args, **setup):
    """What a worker makes of all files, without running any."""
    agent = project.agent(*args, stream=True, **setup)
    agent.listing()
    ids = [nodeid for place in range(len(agent.files)) for nodeid in agent.make(place)]
    agent.send(finish=True)
    agent.rest()
    assert [item[0] for item in agent.items] == ids
    return agent, ids


def whole(project, *args, **setup):
    """Why a worker collects everything at once."""
    agent = project.agent(*args, stream=True, **setup)
    event = agent.until("collected")[-1]
    return agent, event.get("whole")
