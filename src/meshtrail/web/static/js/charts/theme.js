// The charts' colours and faces: the design tokens, as they are in the theme that is shown.

const TOKENS = {
  text: "--text", second: "--text-second", quiet: "--text-quiet", line: "--line", lineStrong: "--line-strong", ground: "--ground",
  surface: "--surface", accent: "--accent", accentSoft: "--accent-soft", allowed: "--bar-allowed", unknown: "--bar-unknown",
  denied: "--bar-denied",
};

// A token may hold light-dark(): only a colour that is applied is resolved.
function resolver() {
  const probe = document.createElement("i");
  probe.hidden = true;
  document.body.append(probe);
  return {
    colour(token) {
      probe.style.color = `var(${token})`;
      return getComputedStyle(probe).color;
    },
    end: () => probe.remove(),
  };
}

export function theme() {
  const probe = resolver();
  const found = Object.fromEntries(Object.entries(TOKENS).map(([name, token]) => [name, probe.colour(token)]));
  probe.end();
  const style = getComputedStyle(document.body);
  return { ...found, face: style.fontFamily, still: matchMedia("(prefers-reduced-motion: reduce)").matches };
}

// A colour between two, as canvas understands it.
export function between(from, to, share) {
  const numbers = (colour) => colour.match(/[\d.]+/g).slice(0, 3).map(Number);
  const [low, high] = [numbers(from), numbers(to)];
  return `rgb(${low.map((value, index) => Math.round(value + (high[index] - value) * share)).join(",")})`;
}

export function onThemeChange(listener) {
  new MutationObserver(listener).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", listener);
}
