// Starts a session with an e-mail address and a password, or with an API token.
const UNKNOWN_TOKEN = "The server does not know this token, or it has expired.";

async function signIn(given) {
  const answer = await fetch("/api/v1/session", {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(given), credentials: "same-origin",
  });
  if (answer.ok) return "";
  if (answer.status === 401 && "token" in given) return UNKNOWN_TOKEN;
  const error = (await answer.json().catch(() => ({}))).error;
  return error?.message ? `${error.message} ${answer.status === 429 ? error.remedy ?? "" : ""}`.trim() : `The server answered ${answer.status}.`;
}

function prepare(form, read) {
  const problem = form.querySelector(".problem");
  const button = form.querySelector("button");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    problem.hidden = true;
    button.disabled = true;
    const said = await signIn(read(form.elements)).catch(() => "The server does not answer.");
    button.disabled = false;
    if (!said) {
      location.assign(form.dataset.next);
      return;
    }
    problem.textContent = said;
    problem.hidden = false;
  });
}

prepare(document.getElementById("sign-in"), (fields) => ({ email: fields.email.value.trim(), password: fields.password.value }));
prepare(document.getElementById("sign-in-token"), (fields) => ({ token: fields.token.value.trim() }));
