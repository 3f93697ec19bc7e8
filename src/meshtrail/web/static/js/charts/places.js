// Public ends on a map of the world; countries that are too small for it are named below.
import { count } from "../formats.js";
import { countryName } from "./countries.js";
import { between } from "./theme.js";

const RATIO = 0.5; // height of the map to its width, without Antarctica

let world = null;

async function outline(address) {
  const answer = await fetch(address, { credentials: "same-origin" });
  if (!answer.ok) throw new Error(`The outline of the world did not come (${answer.status}).`);
  return answer.json();
}

export async function places(table, { place, registerMap, world: address }) {
  world ??= outline(address);
  const shapes = await world;
  registerMap("world", shapes);
  const known = new Set(shapes.features.map((feature) => feature.properties.name));
  const countries = new Map([...table.tBodies[0].rows].map((row) => [row.dataset.code, {
    count: Number(row.dataset.count), href: row.querySelector("a").href,
  }]));
  const most = Math.max(1, ...[...countries.values()].map((country) => country.count));
  const off = [...countries.keys()].filter((code) => !known.has(code));
  const said = place.parentElement.querySelector("[data-off-map]");
  said.hidden = off.length === 0;
  said.textContent = `Too small for this map: ${off.map((code) => `${countryName(code)} (${count(countries.get(code).count)})`).join(", ")}.`;
  return {
    height: Math.round(Math.min(place.clientWidth * RATIO, 380)),
    option: (colours) => ({
      animation: false,
      textStyle: { fontFamily: colours.face },
      series: [{
        type: "map", map: "world", left: 0, right: 0, top: 0, bottom: 0, selectedMode: false, roam: false,
        itemStyle: { areaColor: colours.line, borderColor: colours.ground, borderWidth: 0.6 },
        label: { show: false }, emphasis: { label: { show: false }, itemStyle: { areaColor: colours.lineStrong } },
        data: [...countries].map(([name, { count: value }]) => {
          const areaColor = between(colours.accentSoft, colours.accent, 0.25 + 0.75 * Math.sqrt(value / most));
          return { name, value, itemStyle: { areaColor }, emphasis: { itemStyle: { areaColor, borderColor: colours.text } } };
        }),
      }],
    }),
    read(at) {
      const found = countries.get(at.name);
      return [countryName(at.name), found ? `${count(found.count)} connections` : "nothing"];
    },
    href: (at) => countries.get(at.name)?.href,
  };
}
