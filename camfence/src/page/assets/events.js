// What happened last.

import { byId, el, setText, Table } from "./dom.js";
import { clock } from "./format.js";

export class Events {
  constructor() {
    this.table = new Table("Latest events", [
      { title: "Time", text: ({ time }) => clock(time) },
      { title: "Whom", text: ({ subject }) => subject },
      { title: "What", text: ({ text }) => text },
    ], ({ seq }) => seq);
    this.none = el("p", { class: "hint" });
    byId("events").append(this.table.node, this.none);
  }

  update({ events }) {
    this.table.update(events);
    this.table.node.hidden = events.length === 0;
    setText(this.none, events.length === 0 ? "Nothing has happened since the daemon started." : "");
  }
}
