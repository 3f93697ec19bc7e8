// Handing on what is shown: as a link, as a link whose window stays, as a request for scripts, on paper.
import { address, fixed, shown } from "./address.js";
import { copy, shellWord } from "./clipboard.js";
import { withColumns } from "./columns.js";

const main = () => document.getElementById("main");
const link = (query) => location.origin + address(withColumns(query));

function curl() {
  const query = fixed(new URLSearchParams(main().dataset.apiQuery));
  const text = String(query);
  const path = `${location.origin}/api/v1/${main().dataset.family}${text ? `?${text}` : ""}`;
  return `curl -H "Authorization: Token $MESHTRAIL_TOKEN" ${shellWord(path)}`;
}

const ACTIONS = {
  link: () => copy(link(shown()), "Link"),
  fixed: () => copy(link(fixed(shown())), "Link with a fixed window"),
  curl: () => copy(curl(), "curl command"),
  print: () => print(),
};

export function start() {
  const panel = document.getElementById("share-panel");
  panel.addEventListener("click", (event) => {
    const button = event.target.closest("[data-share]");
    if (!button) return;
    panel.hidePopover();
    ACTIONS[button.dataset.share]();
  });
}
