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
