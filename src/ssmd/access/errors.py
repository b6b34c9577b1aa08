"""What a researcher is warned of; what is refused is a `ConfigError`, as everywhere."""


class Incomplete(UserWarning):
    """Something is missing in the time that was read, as the ledger tells; the message names it.

    It is raised when rows are read (`collect`), not when they are asked for. Turn it into an error
    with `warnings.simplefilter("error", ssmd.access.Incomplete)`.
    """
