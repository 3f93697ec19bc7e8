// Small panels over the page: each stands below what opened it, and inside the window.

const GAP_PX = 5;
const EDGE_PX = 8;

export const anyOpen = () => document.querySelector(":popover-open") !== null;

export function place(panel, anchor) {
  const [box, at] = [panel.getBoundingClientRect(), anchor.getBoundingClientRect()];
  const below = at.bottom + GAP_PX;
  const top = below + box.height > innerHeight - EDGE_PX ? Math.max(at.top - GAP_PX - box.height, EDGE_PX) : below;
  const left = panel.dataset.side === "end" ? at.right - box.width : at.left;
  panel.style.left = `${Math.min(Math.max(left, EDGE_PX), Math.max(innerWidth - box.width - EDGE_PX, EDGE_PX))}px`;
  panel.style.top = `${top}px`;
}

// Panels that a button of the page opens.
export function start() {
  for (const button of document.querySelectorAll("[popovertarget]")) {
    const panel = document.getElementById(button.getAttribute("popovertarget"));
    panel.addEventListener("toggle", (event) => {
      button.setAttribute("aria-expanded", String(event.newState === "open"));
      if (event.newState === "open") place(panel, button);
    });
  }
}
