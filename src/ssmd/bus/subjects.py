"""Which subjects lie inside which. Pure."""


def everything(prefix: str) -> str:
    """All subjects we publish under a prefix."""
    return f"{prefix}.json.>"


def covers(outer: str, inner: str) -> bool:
    """Whether every subject that matches `inner` matches `outer`; both may hold wildcards."""
    wide, narrow = outer.split("."), inner.split(".")
    for at, word in enumerate(wide):
        if word == ">":
            return len(narrow) > at
        if at >= len(narrow) or narrow[at] == ">":
            return False
        if word not in {"*", narrow[at]}:
            return False
    return len(wide) == len(narrow)
