// Who reached what: bands from people and machines to destinations, as wide as they connected often.
import { count } from "../formats.js";

const NODE_PX = 26; // height for one end
const NARROW_PX = 560;

export async function reached(table) {
  const flows = [...table.tBodies[0].rows].map((row) => ({
    source: row.dataset.source, destination: row.dataset.destination, count: Number(row.dataset.count), bytes: row.dataset.bytes,
    href: row.querySelector("a").href,
  }));
  const sums = new Map(); // node → connections; sides differ, so that nothing reaches itself
  for (const flow of flows) {
    for (const name of [`s ${flow.source}`, `d ${flow.destination}`]) sums.set(name, (sums.get(name) ?? 0) + flow.count);
  }
  const sides = ["s", "d"].map((side) => [...sums.keys()].filter((name) => name.startsWith(side)).length);
  return {
    height: Math.max(180, Math.max(...sides) * NODE_PX),
    option(colours, width) {
      const room = width < NARROW_PX ? Math.round(width * 0.34) : 190;
      return {
        animation: !colours.still, animationDuration: 250,
        textStyle: { fontFamily: colours.face },
        series: [{
          type: "sankey", left: room, right: room, top: 6, bottom: 6, nodeWidth: 8, nodeGap: 15, draggable: false, layoutIterations: 32,
          emphasis: { focus: "adjacency" },
          data: [...sums.keys()].map((name) => ({
            name, depth: name.startsWith("s") ? 0 : 1, itemStyle: { color: name.startsWith("s") ? colours.accent : colours.second },
            label: { position: name.startsWith("s") ? "left" : "right" },
          })),
          links: flows.map((flow) => ({ source: `s ${flow.source}`, target: `d ${flow.destination}`, value: flow.count })),
          label: {
            color: colours.text, fontFamily: colours.face, fontSize: 12, width: room - 12, overflow: "truncate",
            formatter: (node) => node.name.slice(2),
          },
          lineStyle: { color: colours.accent, opacity: 0.18, curveness: 0.5 },
        }],
      };
    },
    read(at) {
      if (at.dataType === "node") return [at.name.slice(2), `${count(sums.get(at.name))} connections`];
      const flow = flows[at.dataIndex];
      return [`${flow.source} → ${flow.destination}`, `${count(flow.count)} connections`, flow.bytes];
    },
    href: (at) => (at.dataType === "edge" ? flows[at.dataIndex].href : undefined),
  };
}
