// The hybrid logical clock of one tenant: versions that follow wall time, never repeat and never run backwards.
//
// Where it stands is stored with every write, so that a restart on a machine whose clock is behind goes on from there.

import { AHEAD_MS_MAX } from "./limits.js";
import { Refusal } from "./errors.js";
import { counterOf, makeVersion, millisecondsOf } from "./version.js";

const COUNTER_MAX = 0xffff;

export class HybridClock {
  constructor(wallMs, writer, { milliseconds = 0, counter = 0 } = {}) {
    this.wallMs = wallMs;
    this.writer = writer;
    this.milliseconds = milliseconds;
    this.counter = counter;
  }

  // A version later than every one that was issued or observed here.
  next() {
    const now = this.wallMs();
    if (now > this.milliseconds) {
      [this.milliseconds, this.counter] = [now, 0];
    } else if (this.counter < COUNTER_MAX) {
      this.counter += 1;
    } else {
      [this.milliseconds, this.counter] = [this.milliseconds + 1, 0];
    }
    return makeVersion(this.milliseconds, this.counter, this.writer);
  }

  // Refuse a version that is too far ahead to be honest: adopting it would drag every later write along.
  check(version) {
    const ahead = millisecondsOf(version) - this.wallMs();
    if (ahead > AHEAD_MS_MAX) {
      throw new Refusal(
        409,
        "clock_skew",
        `A version is ${ahead} ms ahead of this site's clock; at most ${AHEAD_MS_MAX} ms is accepted.`,
        {
          field: "version",
          hint: "Check that the machines' clocks are synchronised (NTP), then try again.",
        },
      );
    }
  }

  // Order every later version after this one.
  observe(version) {
    const milliseconds = millisecondsOf(version);
    const counter = counterOf(version);
    if (milliseconds > this.milliseconds || (milliseconds === this.milliseconds && counter > this.counter)) {
      [this.milliseconds, this.counter] = [milliseconds, counter];
    }
  }
}
