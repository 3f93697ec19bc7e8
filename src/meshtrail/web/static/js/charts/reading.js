// What stands beside the pointer: text alone, whatever the names in it are.

export function reading(place) {
  const box = document.createElement("p");
  box.className = "chart-reading";
  box.hidden = true;
  place.append(box);
  return {
    show(lines, event) {
      box.replaceChildren();
      for (const [index, line] of lines.entries()) {
        const part = document.createElement(index ? "span" : "b");
        part.textContent = line;
        box.append(part);
      }
      box.hidden = false;
      const { width, height } = place.getBoundingClientRect();
      const x = Math.min(Math.max(event.offsetX + 14, 0), Math.max(width - box.offsetWidth - 4, 0));
      const y = event.offsetY + 18 + box.offsetHeight > height ? event.offsetY - box.offsetHeight - 8 : event.offsetY + 18;
      box.style.transform = `translate(${Math.round(x)}px, ${Math.round(Math.max(y, 0))}px)`;
    },
    hide() {
      box.hidden = true;
    },
  };
}
