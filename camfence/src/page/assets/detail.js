// One camera: its reasons, and whom it talks to.

import { ledger } from "./api.js";
import { byId, el, setText, Table } from "./dom.js";
import { ago, bytes, count, service } from "./format.js";

// How often the ledger is asked for, in readings of the fence.
const EVERY = 3;

const verdict = (entry) => entry.verdict === "pass" ? "passed" : "dropped";

export class Detail {
  constructor() {
    this.title = el("h2", { tabindex: "-1" });
    this.reasons = new Table("Reasons", [
      { title: "Direction", text: ({ direction }) => direction },
      { title: "Reason", text: ({ reason }) => reason },
      { title: "Packets", right: true, text: ({ packets }) => count(packets) },
      { title: "Bytes", right: true, text: (reason) => bytes(reason.bytes) },
    ], ({ direction, reason }) => `${direction} ${reason}`);
    this.flows = new Table("Destinations", [
      { title: "Peer", text: ({ peer, name }) => name ? `${peer} (${name})` : peer },
      { title: "Service", text: service },
      { title: "Direction", text: ({ direction }) => direction },
      { title: "Verdict", text: (entry) => `${verdict(entry)}: ${entry.reason}` },
      { title: "Packets", right: true, text: ({ packets }) => count(packets) },
      { title: "Bytes", right: true, text: (entry) => bytes(entry.bytes) },
      { title: "First seen", right: true, text: (entry) => ago(entry.first_seen) },
      { title: "Last seen", right: true, text: (entry) => ago(entry.last_seen) },
    ], (entry) => [entry.peer, service(entry), entry.direction, entry.reason].join(" "));
    this.note = el("p", { class: "hint" });
    byId("detail").append(
      el("p", {}, el("a", { href: "#" }, "All cameras")), this.title,
      el("section", {}, el("h3", {}, "Whom it talks to"), this.flows.node, this.note),
      el("section", {}, el("h3", {}, "Why its packets pass or are dropped"), this.reasons.node));
  }

  // Begins to show a camera, or ends it.
  show(mac) {
    if (mac !== this.mac) {
      Object.assign(this, { mac, turn: 0 });
      this.flows.update([]);
      this.reasons.update([]);
      setText(this.note, "");
      setText(this.title, "");
    }
  }

  async update(view) {
    const { mac } = this;
    const camera = view.cameras.find((camera) => camera.mac === mac);
    setText(this.title, camera?.name ?? "This camera is not registered");
    this.reasons.update(camera ? reasons(camera) : []);
    if (camera && this.turn++ % EVERY === 0) {
      const read = await ledger(mac);
      if (read && mac === this.mac) {
        this.flows.update(read.entries);
        setText(this.note, note(read));
      }
    }
  }
}

const reasons = (camera) => ["outbound", "inbound"].flatMap((direction) =>
  Object.entries(camera[direction].reasons).map(([reason, of]) => ({ direction, reason, ...of })));

const note = ({ entries, evicted }) => {
  const shown = entries.length === 0 ? "Nothing was seen." : "";
  const missing = evicted.entries > 0
    ? `Of ${count(evicted.entries)} flows, of all cameras, only the sums are known: there was no more room in the ledger.` : "";
  return [shown, missing].filter(Boolean).join(" ");
};
