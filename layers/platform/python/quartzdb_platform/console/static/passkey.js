// Passkeys and providers, on the pages of signing in and of the account. What it says stands in the page: data-… of #ways.
"use strict";

const ways = document.getElementById("ways");
const outcome = document.getElementById("outcome");

async function ask(method, path, body) {
  const headers = { "Content-Type": "application/json" };
  if (ways.dataset.csrf) headers["X-CSRF-Token"] = ways.dataset.csrf;
  const answer = await fetch(`/platform/v1${path}`, { method, headers, body: body && JSON.stringify(body) });
  const document = await answer.json();
  if (!answer.ok) {
    const error = new Error([document.detail, document.hint].filter(Boolean).join(" "));
    error.code = document.code;
    throw error;
  }
  return document;
}

async function signIn() {
  const { public_key } = await ask("POST", "/sign-in/passkey/options");
  const credential = await navigator.credentials.get({
    publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(public_key),
  });
  await ask("POST", "/sign-in/passkey", { credential: credential.toJSON() });
  location.assign(ways.dataset.next);
}

async function add() {
  const { public_key } = await ask("POST", "/passkeys/options");
  const credential = await navigator.credentials.create({
    publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(public_key),
  });
  await ask("POST", "/passkeys", { name: document.getElementById("passkey-name").value, credential: credential.toJSON() });
  location.reload();
}

async function withProvider(name) {
  const { authorization_url } = await ask("POST", `/sign-in/providers/${encodeURIComponent(name)}`);
  location.assign(authorization_url);
}

// While one goes on nothing else begins, and what fails is told.
async function attempt(action) {
  const buttons = ways.querySelectorAll("button");
  for (const button of buttons) button.disabled = true;
  outcome.hidden = true;
  try {
    await action();
  } catch (error) {
    if (error.code === "step_up_required") {
      location.assign(ways.dataset.again);
      return;
    }
    const cancelled = error.name === "NotAllowedError" || error.name === "AbortError";
    outcome.textContent = cancelled ? ways.dataset.cancelled : error.message;
    outcome.hidden = false;
  } finally {
    for (const button of buttons) button.disabled = false;
  }
}

if (window.PublicKeyCredential?.parseRequestOptionsFromJSON) {
  for (const one of ways.querySelectorAll("[data-passkey]")) one.hidden = false;
}
for (const one of ways.querySelectorAll("[data-provider]")) one.hidden = false;

ways.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button?.dataset.provider) attempt(() => withProvider(button.dataset.provider));
  else if (button?.id === "with-passkey") attempt(signIn);
});
ways.addEventListener("submit", (event) => {
  if (event.target.id !== "add-passkey") return;
  event.preventDefault();
  attempt(add);
});
