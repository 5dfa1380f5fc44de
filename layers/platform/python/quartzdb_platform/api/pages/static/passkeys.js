// Passkeys: sign in with one, add, rename and remove them. Says everything as text, so that no name becomes markup.
"use strict";

const $ = (id) => document.getElementById(id);
let session = null;

async function ask(method, path, body) {
  const headers = { "Content-Type": "application/json" };
  if (session) headers["X-CSRF-Token"] = session.csrf_token;
  const answer = await fetch(`/platform/v1${path}`, { method, headers, body: body && JSON.stringify(body) });
  if (answer.status === 204) return null;
  const document = await answer.json();
  if (!answer.ok) {
    const error = new Error([document.detail, document.hint].filter(Boolean).join(" "));
    error.code = document.code;
    throw error;
  }
  return document;
}

function tell(text) {
  $("outcome").textContent = text;
}

// An action of the person: while it goes on nothing else begins, and what fails is told.
async function attempt(action) {
  for (const button of document.querySelectorAll("button")) button.disabled = true;
  try {
    tell((await action()) ?? "");
  } catch (error) {
    const cancelled = error.name === "NotAllowedError" || error.name === "AbortError";
    const again = error.code === "step_up_required" ? " Or use “Show again who you are”." : "";
    tell(cancelled ? "Nothing was done: it was cancelled, or took too long." : error.message + again);
  } finally {
    for (const button of document.querySelectorAll("button")) button.disabled = false;
  }
}

async function assertion(publicKey) {
  const credential = await navigator.credentials.get({
    publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(publicKey),
  });
  return credential.toJSON();
}

async function signIn() {
  const { public_key } = await ask("POST", "/sign-in/passkey/options");
  session = await ask("POST", "/sign-in/passkey", { credential: await assertion(public_key) });
  return show();
}

async function stepUp() {
  const { public_key } = await ask("POST", "/step-up/passkey/options");
  session = await ask("POST", "/step-up/passkey", { credential: await assertion(public_key) });
  return "That was you.";
}

async function sendCode() {
  await ask("POST", "/sign-in", { email: $("email").value });
  $("verify").hidden = false;
  $("code").focus();
  return "A code is on its way.";
}

async function verify() {
  session = await ask("POST", "/sign-in/verify", { email: $("email").value, code: $("code").value });
  return show();
}

async function add() {
  const { public_key } = await ask("POST", "/passkeys/options");
  const credential = await navigator.credentials.create({
    publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(public_key),
  });
  await ask("POST", "/passkeys", { name: $("name").value, credential: credential.toJSON() });
  await show();
  return "The passkey was added.";
}

async function signOut() {
  await ask("DELETE", "/session");
  session = null;
  await show();
  return "You are signed out.";
}

function button(label, action) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = label;
  made.addEventListener("click", () => attempt(action));
  return made;
}

function row(passkey) {
  const item = document.createElement("li");
  const name = document.createElement("input");
  name.value = passkey.name;
  name.maxLength = 80;
  name.setAttribute("aria-label", "Name");
  const used = document.createElement("small");
  used.textContent = passkey.used_at ? ` last used ${passkey.used_at} ` : " not used yet ";
  const rename = button("Rename", async () => {
    await ask("PATCH", `/passkeys/${passkey.id}`, { name: name.value });
    await show();
    return "It has another name.";
  });
  const remove = button("Remove", async () => {
    await ask("DELETE", `/passkeys/${passkey.id}`);
    await show();
    return "It signs nobody in any more.";
  });
  item.append(name, used, rename, remove);
  return item;
}

async function show() {
  $("signed-out").hidden = session !== null;
  $("signed-in").hidden = session === null;
  if (!session) return "";
  const passkeys = await ask("GET", "/passkeys");
  $("passkeys").replaceChildren(...passkeys.map(row));
  return `You are signed in as ${session.email}.`;
}

function on(id, kind, action) {
  $(id).addEventListener(kind, (event) => {
    event.preventDefault();
    attempt(action);
  });
}

on("sign-in", "click", signIn);
on("step-up", "click", stepUp);
on("sign-out", "click", signOut);
on("ask", "submit", sendCode);
on("verify", "submit", verify);
on("add", "submit", add);

async function offerProviders() {
  const providers = await ask("GET", "/sign-in/providers");
  const buttons = providers.map(({ name, title }) =>
    button(`Sign in with ${title}`, async () => {
      const { authorization_url } = await ask("POST", `/sign-in/providers/${encodeURIComponent(name)}`);
      location.assign(authorization_url);
    }),
  );
  $("providers").replaceChildren(...buttons);
}

async function begin() {
  const refused = location.hash === "#refused";
  history.replaceState(null, "", location.pathname);
  await offerProviders();
  if (!window.PublicKeyCredential?.parseRequestOptionsFromJSON) return "This browser is too old for passkeys.";
  try {
    session = await ask("GET", "/session");
  } catch {
    session = null; // nobody is signed in yet
  }
  const shown = await show();
  return refused && !session ? "That provider did not sign you in. Try again, or another way." : shown;
}

attempt(begin);
