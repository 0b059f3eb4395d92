"""`python -m worker.trainer JOB_ID ATTEMPT`: the process of one attempt at a job.

Its command line is how people and tools find it; what it does is in `worker.training.trainer`.
"""

from worker.training.trainer import main

if __name__ == "__main__":
    main()
