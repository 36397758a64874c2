// Rates, which are differences of the kernel's counters, by the kernel's clock.

import { svg } from "./dom.js";

// Readings that are kept: three minutes.
const KEPT = 180;
// Over how many of them a rate is taken.
const OVER = 3;

const WIDTH = 180;
const HEIGHT = 36;

const sum = ({ outbound, inbound }, verdict) => ({
  packets: outbound[verdict].packets + inbound[verdict].packets,
  bytes: outbound[verdict].bytes + inbound[verdict].bytes,
});

export class Rates {
  constructor() {
    this.of = new Map();
    this.last = -1;
  }

  // Takes in a reading; the same one may come twice.
  add(view) {
    if (view.clock_ms === this.last) {
      return;
    }
    this.last = view.clock_ms;
    const macs = new Set(view.cameras.map(({ mac }) => mac));
    for (const mac of this.of.keys()) {
      if (!macs.has(mac)) {
        this.of.delete(mac);
      }
    }
    for (const camera of view.cameras) {
      const samples = this.of.get(camera.mac) ?? [];
      const sample = { time: view.clock_ms, passed: sum(camera, "passed"), dropped: sum(camera, "dropped") };
      const before = samples.at(-1);
      // Counters begin anew with another fence.
      const isNew = before && ["passed", "dropped"].some((key) => sample[key].packets < before[key].packets);
      this.of.set(camera.mac, [...(isNew ? [] : samples), sample].slice(-KEPT));
    }
  }

  // Packets and bytes a second of late; null before there are two readings.
  now(mac) {
    const samples = this.of.get(mac) ?? [];
    return between(samples.at(-1 - Math.min(OVER, samples.length - 1)), samples.at(-1));
  }

  // Packets a second from one reading to the next.
  all(mac) {
    const samples = this.of.get(mac) ?? [];
    return samples.slice(1).map((sample, index) => between(samples[index], sample));
  }
}

const between = (before, after) => {
  if (!before || !after || after.time <= before.time) {
    return null;
  }
  const seconds = (after.time - before.time) / 1000;
  const rate = (verdict) => ({
    packets: (after[verdict].packets - before[verdict].packets) / seconds,
    bytes: (after[verdict].bytes - before[verdict].bytes) / seconds,
  });
  return { passed: rate("passed"), dropped: rate("dropped") };
};

// A line for what passed and one for what was dropped.
export class Sparkline {
  constructor() {
    this.lines = Object.fromEntries(["passed", "dropped"].map((verdict) =>
      [verdict, svg("polyline", { class: verdict, fill: "none", "vector-effect": "non-scaling-stroke" })]));
    this.node = svg("svg", {
      class: "sparkline", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true",
    }, ...Object.values(this.lines));
  }

  update(rates) {
    const most = Math.max(1, ...rates.flatMap(({ passed, dropped }) => [passed.packets, dropped.packets]));
    for (const [verdict, line] of Object.entries(this.lines)) {
      const points = rates.map((rate, index) => {
        const x = WIDTH - (rates.length - 1 - index);
        const y = HEIGHT - 1 - (HEIGHT - 3) * rate[verdict].packets / most;
        return `${x},${y.toFixed(1)}`;
      });
      line.setAttribute("points", points.join(" "));
    }
  }
}
