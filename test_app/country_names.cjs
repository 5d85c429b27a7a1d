// Writes the countries' names in each language, from the CLDR data of Node.js, in the order of each language.
// Run by `make countries`.
const fs = require("node:fs");
const path = require("node:path");

const [folder, regions, languages] = process.argv.slice(2);
for (const language of languages.split(",")) {
  const tag = language.replace("_", "-");
  const names = new Intl.DisplayNames([tag], { type: "region", fallback: "none" });
  const collator = new Intl.Collator(tag);
  const rows = regions.split(",").map((region) => [region, names.of(region)]);
  rows.sort((a, b) => collator.compare(a[1], b[1]));
  const lines = rows.map(([region, name]) => `  ${JSON.stringify(region)}: ${JSON.stringify(name)}`);
  fs.writeFileSync(path.join(folder, `${language}.json`), `{\n${lines.join(",\n")}\n}\n`);
}
