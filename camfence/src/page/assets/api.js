// Talks to the daemon.

// What the daemon refused, or that it does not answer (status 0).
export class Refusal extends Error {
  constructor(status, message, hint) {
    super(message);
    Object.assign(this, { status, hint });
  }
}

// A refusal with its hint.
export const worded = ({ message, hint }) => [message, hint].filter(Boolean).join(": ");

let csrf = "";

const ask = async (path, options) => {
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Refusal(0, "camfence does not answer", "is camfence run still running?");
  }
  const body = response.status === 204 ? null : await response.json().catch(() => null);
  if (!response.ok) {
    throw new Refusal(response.status, body?.message ?? `HTTP ${response.status}`, body?.hint);
  }
  return body;
};

const post = (path, body) => ask(path, {
  method: "POST",
  headers: { "Content-Type": "application/json", "X-Camfence-Csrf": csrf },
  body: JSON.stringify(body),
});

const begun = (session) => {
  csrf = session.csrf;
  return session;
};

export const session = async () => begun(await ask("/api/session"));
export const signIn = async (token) => begun(await post("/api/sign-in", { token }));
export const signOut = () => post("/api/sign-out", {});
export const view = () => ask("/api/view");
export const ledger = (mac) => ask(`/api/cameras/${mac}/ledger`);
export const change = (request) => post("/api/changes", request);
