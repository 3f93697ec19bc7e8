// Exchanges an API token for a session.
const form = document.getElementById("sign-in");
const problem = document.getElementById("problem");

async function signIn(token) {
  const answer = await fetch("/api/v1/session", {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ token }), credentials: "same-origin",
  });
  if (answer.ok) return "";
  const body = await answer.json().catch(() => ({}));
  return answer.status === 401 ? "The server does not know this token, or it has expired." : body.error?.message ?? `The server answered ${answer.status}.`;
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  problem.hidden = true;
  const said = await signIn(form.elements.token.value.trim()).catch(() => "The server does not answer.");
  if (!said) {
    location.assign(form.dataset.next);
    return;
  }
  problem.textContent = said;
  problem.hidden = false;
});
