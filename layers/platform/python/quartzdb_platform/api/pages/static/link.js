// Finishes what the link of a mail began: a sign-in, or an invitation. Asks first, because mail scanners open links.
"use strict";

const fragment = new URLSearchParams(location.hash.slice(1));
history.replaceState(null, "", location.pathname); // the secret stays in no history
const what = document.getElementById("what");
const go = document.getElementById("go");
const outcome = document.getElementById("outcome");

async function ask(method, path, body, csrf) {
  const headers = { "Content-Type": "application/json" };
  if (csrf) headers["X-CSRF-Token"] = csrf;
  const answer = await fetch(`/platform/v1${path}`, { method, headers, body: body && JSON.stringify(body) });
  const document = await answer.json();
  if (!answer.ok) throw new Error([document.detail, document.hint].filter(Boolean).join(" "));
  return document;
}

const [named, link] = (fragment.get("sign-in") ?? fragment.get("waitlist") ?? "").split(".");
const email = new TextDecoder().decode(
  Uint8Array.from(atob(named.replaceAll("-", "+").replaceAll("_", "/")), (character) => character.charCodeAt(0)),
);

async function signIn() {
  const session = await ask("POST", "/sign-in/link", { email, link });
  return `You are signed in as ${session.email}.`;
}

async function accept() {
  const session = await ask("GET", "/session");
  const seat = await ask("POST", "/invitations/accept", { invitation: fragment.get("invitation") }, session.csrf_token);
  return `Welcome: your role is ${seat.role}.`;
}

async function confirmWaiting() {
  await ask("POST", "/waitlist/confirm", { email, link });
  return "You are on the waiting list. A mail tells you when it is your turn.";
}

async function joinWaitlist() {
  await ask("POST", "/waitlist", { email: joining.value });
  return "Look into your mailbox.";
}

function offer(text, label, action) {
  what.textContent = text;
  go.textContent = label;
  go.hidden = false;
  go.addEventListener("click", async () => {
    go.disabled = true;
    try {
      outcome.textContent = await action();
      go.hidden = true;
    } catch (error) {
      outcome.textContent = error.message;
      go.disabled = false;
    }
  });
}

const joining = document.createElement("input");
joining.type = "email";
joining.setAttribute("aria-label", "E-mail address");

if (link && fragment.has("waitlist")) offer(`Join the waiting list as ${email}?`, "Join", confirmWaiting);
else if (link) offer(`Sign in as ${email}?`, "Sign in", signIn);
else if (fragment.has("invitation")) offer("Accept the invitation?", "Accept", accept);
else if (location.pathname.endsWith("/waitlist")) {
  go.before(joining);
  offer("Which e-mail address may we write to when it is your turn?", "Join the waiting list", joinWaitlist);
}
