// The page: asks for a reading every second while somebody looks, and shows it.

import * as api from "./api.js";
import { worded } from "./api.js";
import { Cameras } from "./cameras.js";
import { Detail } from "./detail.js";
import * as dialogs from "./dialogs.js";
import { byId, el, List, setText } from "./dom.js";
import { Events } from "./events.js";
import { Ports, problems } from "./ports.js";
import { Rates } from "./rates.js";
import { Unknown } from "./unknown.js";

const SECOND = 1000;

const warnings = new List(byId("warnings"), (text) => text, (text) => ({ node: el("p", {}, text), update() {} }));

const warn = (texts) => warnings.update([...new Set(texts)]);

const shownCamera = () => /^#camera=([0-9a-f:]{17})$/.exec(location.hash)?.[1];

const sleep = (time) => new Promise((resolve) => setTimeout(resolve, time));

// What is shown after somebody was let in.
class Page {
  constructor({ changes }) {
    this.rates = new Rates();
    const again = () => this.refresh();
    const act = changes && {
      open: (camera) => dialogs.open(camera, again),
      remove: (camera) => dialogs.remove(camera, again),
      close: (camera) => this.change({ verb: "close", camera: camera.mac }),
    };
    const add = changes && ((mac) => dialogs.add(mac, this.profiles, again));
    this.cameras = new Cameras(this.rates, act);
    this.parts = [this.cameras, new Ports(), new Unknown(add), new Events()];
    this.detail = new Detail();
    byId("add").hidden = !changes;
    byId("add").addEventListener("click", () => add(""));
    window.addEventListener("hashchange", () => this.route(true));
    this.route(false);
  }

  // Shows all cameras, or the one that the address names.
  route(moved) {
    const mac = shownCamera();
    byId("overview").hidden = mac !== undefined;
    byId("detail").hidden = mac === undefined;
    this.detail.show(mac);
    if (this.view) {
      this.show(this.view);
    }
    if (moved && location.hash !== "#main") {
      (mac ? this.detail.title : byId("main")).focus();
    }
  }

  async refresh() {
    try {
      const view = await api.view();
      await this.show(view);
      byId("main").classList.remove("stale");
      warn(problems(view));
    } catch (refusal) {
      if (refusal.status === 401) {
        location.reload();
      }
      warn([worded(refusal)]);
      byId("main").classList.add("stale");
    }
  }

  async show(view) {
    this.view = view;
    this.profiles = view.profiles;
    this.rates.add(view);
    setText(byId("summary"), summary(view));
    this.parts.forEach((part) => part.update(view));
    if (shownCamera()) {
      await this.detail.update(view);
    }
  }

  async change(request) {
    try {
      await api.change(request);
      await this.refresh();
    } catch (refusal) {
      warn([worded(refusal)]);
    }
  }

  async run() {
    for (;;) {
      if (!document.hidden) {
        await this.refresh();
      }
      await sleep(SECOND);
    }
  }
}

const summary = ({ cameras, more_cameras: more, interfaces }) => {
  const number = (count, thing) => `${count} ${thing}${count === 1 ? "" : "s"}`;
  const enforcing = interfaces.filter(({ enforcing }) => enforcing).length;
  return `${number(cameras.length + more, "camera")}, ${enforcing} of ${number(interfaces.length, "port")} enforcing`;
};

const signIn = () => new Promise((resolve) => {
  const form = byId("sign-in");
  form.hidden = false;
  byId("token").focus();
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      const session = await api.signIn(byId("token").value);
      byId("token").value = "";
      form.hidden = true;
      resolve(session);
    } catch (refusal) {
      setText(form.querySelector(".problem"), worded(refusal));
    }
  });
});

const enter = async () => {
  try {
    return await api.session();
  } catch (refusal) {
    if (refusal.status === 401) {
      return signIn();
    }
    warn([worded(refusal)]);
    await sleep(SECOND);
    return enter();
  }
};

const session = await enter();
byId("sign-out").hidden = !session.locked;
byId("sign-out").addEventListener("click", async () => {
  await api.signOut().catch(() => {});
  location.reload();
});
await new Page(session).run();
