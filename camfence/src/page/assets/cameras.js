// The cameras, a card each.

import { button, byId, el, List, setText } from "./dom.js";
import { ago, count, countdown, scaled, tally } from "./format.js";
import { Sparkline } from "./rates.js";

const DIRECTIONS = [["outbound", "From it"], ["inbound", "To it"]];
const VERDICTS = ["passed", "dropped"];

export class Cameras {
  // act: { open(camera), close(camera), remove(camera) }; null if nothing can be changed here.
  constructor(rates, act) {
    this.list = new List(byId("cameras"), ({ mac }) => mac, (camera) => new Card(camera, rates, act));
  }

  update(view) {
    const isWhole = view.interfaces.length > 0 && view.interfaces.every(({ enforcing }) => enforcing);
    this.list.update(view.cameras.map((camera) => ({ ...camera, isWhole })));
    setText(byId("more-cameras"), moreCameras(view));
  }
}

const moreCameras = ({ cameras, more_cameras: more }) => {
  if (cameras.length === 0) {
    return "No camera is registered.";
  }
  return more > 0 ? `${count(more)} more are not shown; camfence status has them.` : "";
};

const FENCED = "fenced";

const state = ({ open_seconds: seconds, mode, isWhole }) => {
  if (seconds !== undefined) {
    return `open, closes in ${countdown(seconds)}`;
  }
  if (mode === "audit") {
    return "audit: nothing is dropped";
  }
  return isWhole ? FENCED : "not fenced everywhere";
};

class Card {
  constructor({ mac }, rates, act) {
    Object.assign(this, { mac, rates, act });
    this.name = el("a", { href: `#camera=${mac}` });
    this.state = el("span", { class: "badge" });
    this.facts = el("p", { class: "facts" });
    this.sparkline = new Sparkline();
    this.now = VERDICTS.map((verdict) => el("td", { class: `right ${verdict}` }));
    this.counts = DIRECTIONS.map(([direction]) => VERDICTS.map((verdict) =>
      el("td", { class: `right ${verdict}`, "data-count": `${direction}-${verdict}` })));
    const title = `name-${mac}`;
    this.node = el("article", { class: "card", "data-camera": mac, "aria-labelledby": title },
      el("div", { class: "head" }, el("h3", { id: title }, this.name), this.state),
      this.facts, this.sparkline.node, this.table(), ...this.actions());
  }

  table() {
    const row = (title, cells) => el("tr", {}, el("th", { scope: "row" }, title), ...cells);
    const columns = ["Passed", "Dropped"].map((title) => el("th", { scope: "col", class: "right" }, title));
    return el("table", { class: "counts" },
      el("thead", {}, el("tr", {}, el("td"), ...columns)),
      el("tbody", {}, row("Now", this.now), ...DIRECTIONS.map(([, title], index) => row(title, this.counts[index]))));
  }

  actions() {
    if (!this.act) {
      return [];
    }
    this.close = button("Close", () => this.act.close(this.camera));
    this.buttons = [
      button("Open…", () => this.act.open(this.camera)),
      this.close,
      button("Remove…", () => this.act.remove(this.camera)),
    ];
    return [el("div", { class: "actions" }, ...this.buttons)];
  }

  update(camera) {
    this.camera = camera;
    const isOpen = camera.open_seconds !== undefined;
    setText(this.name, camera.name);
    setText(this.state, state(camera));
    this.state.className = state(camera) === FENCED ? "badge" : "badge attention";
    const seen = camera.last_seen ? `seen ${ago(camera.last_seen)}` : "not seen yet";
    setText(this.facts, `${camera.mac} · profile ${camera.profile} · ${seen}`);
    this.updateCounts(camera);
    if (this.act) {
      if (!isOpen && document.activeElement === this.close) {
        this.buttons[0].focus();
      }
      this.close.hidden = !isOpen;
      this.buttons.forEach((node) => node.setAttribute("aria-label", `${node.textContent} ${camera.name}`));
    }
  }

  updateCounts(camera) {
    const rates = this.rates.all(camera.mac);
    this.sparkline.update(rates);
    const now = this.rates.now(camera.mac);
    VERDICTS.forEach((verdict, column) => {
      const rate = now?.[verdict];
      setText(this.now[column], rate ? `${scaled(rate.packets, "packets/s")}, ${scaled(rate.bytes, "B/s")}` : "–");
      DIRECTIONS.forEach(([direction], row) => {
        const of = camera[direction][verdict];
        const cell = this.counts[row][column];
        Object.assign(cell.dataset, of);
        cell.title = `${count(of.bytes)} bytes`;
        setText(cell, tally(of));
      });
    });
  }
}
