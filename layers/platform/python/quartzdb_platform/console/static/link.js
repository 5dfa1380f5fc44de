// Finishes what the link of a mail began. Asks first, because mail scanners open links. What is secret in a link is in its
// fragment, which browsers send to nobody.
"use strict";

const fragment = new URLSearchParams(location.hash.slice(1));
history.replaceState(null, "", location.pathname); // the secret stays in no history
const outcome = document.getElementById("outcome");

async function ask(method, path, body, csrf) {
  const headers = { "Content-Type": "application/json" };
  if (csrf) headers["X-CSRF-Token"] = csrf;
  const answer = await fetch(`/platform/v1${path}`, { method, headers, body: body && JSON.stringify(body) });
  const document = await answer.json();
  if (!answer.ok) {
    const error = new Error([document.detail, document.hint].filter(Boolean).join(" "));
    error.code = document.code;
    throw error;
  }
  return document;
}

function addressed(text) {
  const [named, link] = text.split(".");
  const bytes = Uint8Array.from(atob(named.replaceAll("-", "+").replaceAll("_", "/")), (one) => one.charCodeAt(0));
  return { email: new TextDecoder().decode(bytes), link };
}

const actions = {
  async "sign-in"(given) {
    await ask("POST", "/sign-in/link", addressed(given));
    location.assign("/platform/home");
  },
  async invitation(given) {
    const session = await ask("GET", "/session");
    return ask("POST", "/invitations/accept", { invitation: given }, session.csrf_token);
  },
  waitlist: (given) => ask("POST", "/waitlist/confirm", addressed(given)),
  join: () => ask("POST", "/waitlist", { email: document.getElementById("email").value }),
};

function tell(text) {
  outcome.textContent = text;
  outcome.hidden = false;
}

function offer(name, given) {
  const section = document.getElementById(`offer-${name}`);
  document.getElementById("offer-nothing").hidden = true;
  section.hidden = false;
  for (const one of section.querySelectorAll("[data-email]")) one.textContent = addressed(given).email;
  section.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = section.querySelector("button");
    button.disabled = true;
    try {
      const answer = await actions[name](given);
      section.hidden = true;
      if (section.dataset.done) tell(section.dataset.done.replace("ROLE", answer.role ?? ""));
    } catch (error) {
      tell(error.code === "unauthenticated" && section.dataset.signedOut ? section.dataset.signedOut : error.message);
      button.disabled = false;
    }
  });
}

const wanted = ["sign-in", "invitation", "waitlist"].find((name) => fragment.get(name));
if (wanted) offer(wanted, fragment.get(wanted));
else if (location.pathname.endsWith("/waitlist")) offer("join");
