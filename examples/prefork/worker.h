/*
 * A worker process: serves one connection at a time, until SIGTERM, which lets
 * it finish the request that it has.
 *
 *   GET /quote?to=NO&grams=1200    {"cents": 1340, "worker": 4711}
 */
#pragma once

/* Never returns: ends the process. `listener` is non-blocking. */
_Noreturn void worker_run(int listener);
