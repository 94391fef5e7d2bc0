/**
 * Passkeys on the account pages: sets one up, signs in with one, or confirms with one.
 *
 * A button says what it does and where things are:
 *
 *   <button type="button" hidden data-passkey="create|get|login"
 *           data-passkey-options="id of a JSON script with the server's options"   (create, get)
 *           data-passkey-credential="id of the hidden input that carries the answer"
 *           data-passkey-form="id of the form to send"          (default: the button's own form)
 *           data-passkey-passwordless="id of a checkbox">       (create: a passkey that signs in alone)
 *
 * "login" asks the form's address for fresh options first. The button is shown only where the browser
 * has passkeys; elsewhere the page's `[data-passkey-unsupported]` says so. Everything else on these
 * pages works without this file.
 */

const supported = "credentials" in navigator && "PublicKeyCredential" in window && window.isSecureContext;

/** @param {string} text base64url @returns {ArrayBuffer} */
function decode(text) {
  const binary = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
  return Uint8Array.from(binary, (character) => character.charCodeAt(0)).buffer;
}

/** @param {ArrayBuffer|null|undefined} buffer @returns {string|undefined} base64url without padding */
function encode(buffer) {
  if (!buffer) return undefined;
  const binary = String.fromCharCode(...new Uint8Array(buffer));
  return btoa(binary).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

function withBuffers(list) {
  return (list ?? []).map((entry) => ({ ...entry, id: decode(entry.id) }));
}

function creationOptions({ publicKey }, passwordless) {
  const selection = { ...publicKey.authenticatorSelection };
  selection.residentKey = passwordless ? "required" : "discouraged";
  selection.requireResidentKey = passwordless;
  if (passwordless) selection.userVerification = "required";
  return {
    publicKey: {
      ...publicKey,
      challenge: decode(publicKey.challenge),
      user: { ...publicKey.user, id: decode(publicKey.user.id) },
      excludeCredentials: withBuffers(publicKey.excludeCredentials),
      authenticatorSelection: selection,
    },
  };
}

function requestOptions({ publicKey }) {
  return {
    publicKey: {
      ...publicKey,
      challenge: decode(publicKey.challenge),
      allowCredentials: withBuffers(publicKey.allowCredentials),
    },
  };
}

/** The form of a credential that the server reads (the JSON of WebAuthn level 3). */
function toJSON(credential) {
  const { response } = credential;
  return {
    id: credential.id,
    rawId: encode(credential.rawId),
    type: credential.type,
    authenticatorAttachment: credential.authenticatorAttachment ?? undefined,
    clientExtensionResults: credential.getClientExtensionResults(),
    response: {
      clientDataJSON: encode(response.clientDataJSON),
      attestationObject: encode(response.attestationObject),
      authenticatorData: encode(response.authenticatorData),
      signature: encode(response.signature),
      userHandle: encode(response.userHandle),
      transports: response.getTransports?.(),
    },
  };
}

async function freshOptions(form) {
  // allauth answers with JSON only to what looks like a script.
  const answer = await fetch(form.action, {
    headers: { Accept: "application/json", "X-Requested-With": "XMLHttpRequest" },
  });
  if (!answer.ok) throw new Error(`options: ${answer.status}`);
  return (await answer.json()).request_options;
}

async function confirm(button, form) {
  const { passkey, passkeyOptions, passkeyPasswordless } = button.dataset;
  if (passkey === "login") return navigator.credentials.get(requestOptions(await freshOptions(form)));
  const data = JSON.parse(document.getElementById(passkeyOptions).textContent);
  if (passkey === "get") return navigator.credentials.get(requestOptions(data.request_options));
  const checkbox = document.getElementById(passkeyPasswordless);
  return navigator.credentials.create(creationOptions(data.creation_options, checkbox?.checked ?? false));
}

async function onClick(event) {
  const button = event.currentTarget;
  const form = document.getElementById(button.dataset.passkeyForm) ?? button.form;
  const error = document.querySelector("[data-passkey-error]");
  error.hidden = true;
  button.disabled = true;
  try {
    const credential = await confirm(button, form);
    document.getElementById(button.dataset.passkeyCredential).value = JSON.stringify(toJSON(credential));
    form.submit();
  } catch {
    // Refused, timed out, or no such passkey: browsers do not say which, on purpose.
    error.hidden = false;
    button.disabled = false;
  }
}

for (const button of document.querySelectorAll("[data-passkey]")) {
  button.hidden = !supported;
  button.addEventListener("click", onClick);
}
for (const note of document.querySelectorAll("[data-passkey-unsupported]")) note.hidden = supported;
