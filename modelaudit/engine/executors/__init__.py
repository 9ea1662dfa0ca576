"""Who runs the measurement of a group: this process, once for all processes of a run, or workers for it."""

#: the environment variable that makes a pytest session a worker of a run: it measures, and decides and writes nothing
MEASURES_FOR_VARIABLE = "MODELAUDIT_MEASURES_FOR"
