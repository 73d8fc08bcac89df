import sys
import time

from tests.simulation.actions import WEIGHTS
from tests.simulation.run import run
from tests.simulation.story import write

for seed in range(int(sys.argv[1]), int(sys.argv[2])):
    story = write(seed, WEIGHTS)
    t = time.perf_counter()
    r = run(story, keep_log=len(sys.argv) > 3)
    print(
        seed,
        story.users,
        story.days,
        len(story.events),
        round(len(story.events) / story.user_years),
        "events/yr",
        round(time.perf_counter() - t, 2),
        "s",
        r.digest[:12],
        len(r.violations),
    )
    for v in r.violations[:8]:
        print("   ", v)
    if len(sys.argv) > 3:
        open(sys.argv[3], "w").write("\n".join(r.lines))
