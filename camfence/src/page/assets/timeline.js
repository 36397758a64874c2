// What passed and what was dropped in each five minutes of the last day.

import { el, setText, svg } from "./dom.js";
import { count, packets } from "./format.js";

const STEP = 5 * 60 * 1000;
const STEPS = 24 * 60 / 5;
const HEIGHT = 48;

// The packets of each step, the oldest first.
const steps = (buckets, verdict) => {
  const last = Math.floor(Date.now() / STEP);
  const counts = new Array(STEPS).fill(0);
  for (const bucket of buckets) {
    const index = STEPS - 1 - (last - Math.floor(Date.parse(bucket.start) / STEP));
    if (index >= 0 && index < STEPS) {
      counts[index] += bucket.outbound[verdict].packets + bucket.inbound[verdict].packets;
    }
  }
  return counts;
};

class Bars {
  constructor(title, verdict) {
    Object.assign(this, { title, verdict });
    this.text = el("p", { class: "hint" });
    this.path = svg("path", { class: verdict });
    this.picture = svg("svg", {
      class: "timeline", viewBox: `0 0 ${STEPS} ${HEIGHT}`, preserveAspectRatio: "none", role: "img",
    }, this.path);
    this.node = el("div", {}, this.text, this.picture);
  }

  update(buckets) {
    const counts = steps(buckets, this.verdict);
    const [most, sum] = [Math.max(...counts), counts.reduce((a, b) => a + b, 0)];
    const bars = counts.map((number, index) => {
      const height = number === 0 ? 0 : Math.max(1, HEIGHT * number / most);
      return height === 0 ? "" : `M${index} ${HEIGHT}v${(-height).toFixed(1)}h1v${height.toFixed(1)}z`;
    });
    this.path.setAttribute("d", bars.join(""));
    const text = `${this.title}: ${packets(sum)}, at most ${count(most)} in five minutes`;
    this.picture.setAttribute("aria-label", text);
    setText(this.text, text);
  }
}

export class Timeline {
  constructor() {
    this.bars = [new Bars("Passed", "passed"), new Bars("Dropped", "dropped")];
    this.axis = el("p", { class: "axis", "aria-hidden": "true" }, el("span", {}, "24 h ago"), el("span", {}, "now"));
    this.problem = el("p", { class: "hint" });
    this.node = el("div", { class: "day" }, ...this.bars.map(({ node }) => node), this.axis, this.problem);
  }

  update(buckets, problem = "") {
    this.bars.forEach((bars) => {
      bars.node.hidden = problem !== "";
      bars.update(buckets);
    });
    this.axis.hidden = problem !== "";
    setText(this.problem, problem);
  }
}
