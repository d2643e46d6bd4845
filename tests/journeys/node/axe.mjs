// What axe finds on a page: `await look(page, "the board, wide", problems)` adds a sentence for each rule that is broken.
// `rules` switches single rules off: { "color-contrast": false }.

import { readFileSync } from "node:fs";

const AXE = readFileSync(new URL("node_modules/axe-core/axe.min.js", import.meta.url), "utf8");

export async function look(page, what, problems, { rules = {} } = {}) {
  await page.evaluate(AXE);
  const violations = await page.evaluate(async (rules) => {
    const moving = document.getAnimations().filter((one) => Number.isFinite(one.effect.getComputedTiming().endTime));
    await Promise.allSettled(moving.map(({ finished }) => finished)); // a colour that still changes has no contrast
    const off = Object.fromEntries(Object.entries(rules).map(([id, enabled]) => [id, { enabled }]));
    return (await axe.run(document, { resultTypes: ["violations"], rules: off })).violations;
  }, rules);
  for (const { id, nodes } of violations) {
    const places = nodes.slice(0, 3).map(({ html, any }) => `${html.replace(/\s+/g, " ").slice(0, 160)} ${any[0]?.message ?? ""}`);
    problems.push(`axe, ${what}: ${id} at ${places.join(" | ")}`);
  }
}
