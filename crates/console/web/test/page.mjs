// Looks at the page in headless Chromium and compares it with the API. Run by the Rust test `page`, which answers the
// lines "STEP ..." by making something happen. Pictures go to the folder named by the second argument.

import assert from "node:assert/strict";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const [base, shots] = process.argv.slice(2);
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const browser = await chromium.launch({
  executablePath: process.env.TIDEGATE_CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox"],
});

async function step(name) {
  console.log(`STEP ${name}`);
  await lines.next();
}

const json = async (path) => (await fetch(new URL(path, base))).json();
const complaints = [];
let outage = false;

async function open(options = {}) {
  const context = await browser.newContext({ viewport: { width: 1500, height: 1000 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type()) && !outage) complaints.push(`${message.text()} ${message.location().url}`);
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("request", (request) => {
    if (!request.url().startsWith(base) && !request.url().startsWith("data:")) complaints.push(`asked for ${request.url()}`);
  });
  await page.goto(`${base}#/shop/orders`);
  return page;
}

/** Waits until what `read` gives equals what is expected. */
async function becomes(read, expected, what) {
  const end = Date.now() + 20_000;
  for (;;) {
    const found = await read();
    if (found === expected) return;
    if (Date.now() > end) assert.equal(found, expected, what);
    await new Promise((done) => setTimeout(done, 50));
  }
}

/** Text with every run of blanks as one. */
const flat = (found) => found?.replace(/\s+/g, " ").trim();
const text = (page, selector) => async () => flat(await page.locator(selector).first().textContent());
const field = (page, name) => text(page, `[data-field="${name}"]`);

async function valuesEqualTheApi(page) {
  const target = await json("/api/v1/targets/shop/orders");
  await becomes(field(page, "desired"), String(target.desired), "desired replicas");
  await becomes(field(page, "lag"), String(target.lag), "lag");
  await becomes(field(page, "produced"), "20/s", "produced");
  await becomes(field(page, "counts"), `${target.counts.current} running, ${target.counts.ready} ready`, "counts");
  await becomes(field(page, "limits"), "min 0 · max 12 · useful 4", "limits");
  const series = await json("/api/v1/targets/shop/orders/series");
  for (const id of ["lag", "metric:0", "target:0", "desired", "running", "ready", "min", "max", "useful"]) {
    const values = series.series.find((one) => one.id === id).values;
    await becomes(text(page, `b[data-series="${id}"]`), String(values.at(-1)), `the latest ${id}`);
  }
  await becomes(text(page, 'b[data-series="partitions"]'), "30 in orders/0", "the partition with the most lag");
}

async function decisionsEqualTheRecords(page) {
  const { records } = await json("/api/v1/targets/shop/orders/records?kind=actions");
  const rows = page.locator("#decisions > li");
  await becomes(() => rows.count(), records.length, "number of actions");
  for (const [index, record] of records.entries()) {
    const row = rows.nth(index);
    assert.equal(await row.getAttribute("data-sequence"), String(record.sequence));
    assert.equal(await row.locator(".change").textContent(), `${record.workload.replicas} → ${record.desiredReplicas}`);
    assert.ok(record.headline.endsWith(await row.locator(".headline").textContent()), "the headline is the record's");
  }
  await page.locator("#filter").fill("no such decision");
  await becomes(() => rows.count(), 0, "the filter hides all");
  assert.equal(await page.locator("#decisions-note").textContent(), "No decision matches.");
  await page.locator("#filter").fill("");
  await page.locator('[data-kind="all"]').click();
  await becomes(() => rows.count(), 50, "all decisions, a page of them");
  await page.locator("#more").click();
  await becomes(() => rows.count(), 100, "another page");
  await page.locator('[data-kind="actions"]').click();
  await becomes(() => rows.count(), records.length, "actions again");
  return records;
}

async function marksExplain(page, records) {
  const marks = page.locator("#marks button");
  await becomes(() => marks.count(), records.length, "a mark for each action");
  await page.keyboard.press("]");
  await becomes(text(page, "#tip .explanation"), flat(records[0].explanation), "the explanation of the latest action");
  await page.keyboard.press("ArrowLeft");
  await becomes(text(page, "#tip .explanation"), flat(records[1].explanation), "the one before");
  await page.keyboard.press("Home");
  await becomes(text(page, "#tip .explanation"), flat(records.at(-1).explanation), "the first");
  await page.keyboard.press("Escape");
  await becomes(() => page.locator("#tip").isVisible(), false, "Escape takes the explanation away");
  await marks.nth(2).hover();
  await becomes(text(page, "#tip .explanation"), flat(records.at(-3).explanation), "pointing explains too");
  await marks.nth(2).click();
  const open = page.locator('#decisions button[aria-expanded="true"]');
  await becomes(() => open.count(), 1, "a chosen mark unfolds its decision");
  assert.ok((await page.locator("#decisions .details").textContent()).includes(records.at(-3).steps[0].reason), "reasons are text");
  await open.click();
}

async function keyboardWorks(page) {
  await page.locator("body").click({ position: { x: 2, y: 990 } });
  await page.keyboard.press("?");
  await becomes(() => page.locator("#help").isVisible(), true, "help");
  await page.keyboard.press("Escape");
  await becomes(() => page.locator("#help").isVisible(), false, "help closed");
  await page.keyboard.press("c");
  await page.keyboard.press("ArrowLeft");
  await page.keyboard.press("ArrowLeft");
  assert.match(await page.locator("#cursor-time").textContent(), /\d\d:\d\d:\d\d/);
  assert.match(await page.locator("#spoken").textContent(), /replicas desired, \d+ running, lag \d+/);
  await page.keyboard.press("Escape");
  await becomes(text(page, "#cursor-time"), "", "no cursor");
  await page.keyboard.press("5");
  assert.equal(await page.locator('[data-span="86400"]').getAttribute("aria-pressed"), "true");
  await page.keyboard.press("2");
  await page.keyboard.press("j");
  await page.keyboard.press("Enter");
  await becomes(() => page.locator("#decisions .details").count(), 1, "a decision unfolded by keyboard");
  await page.keyboard.press("Enter");
  const theme = () => page.evaluate(() => document.documentElement.dataset.theme);
  const before = await theme();
  await page.keyboard.press("t");
  assert.notEqual(await theme(), before);
  await page.keyboard.press("t");
  await page.keyboard.press("/");
  await page.keyboard.type("mai");
  await becomes(() => page.locator("#targets li").count(), 1, "the search finds one target");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Enter");
  await becomes(field(page, "name"), "mail", "a target chosen by keyboard");
  await becomes(text(page, "#state"), "source failing", "its state");
  assert.match(await page.locator("#triggers .error").textContent(), /connection to 127\.0\.0\.1:9 refused/);
  await becomes(text(page, "#triggers .value"), "–", "no number stands for the failing source");
  await page.locator("#search").fill("");
  await page.locator('#targets a[href="#/shop/orders"]').click();
  await becomes(field(page, "name"), "orders", "back again");
}

async function tabReachesEverything(page) {
  await page.locator("body").click({ position: { x: 2, y: 990 } });
  const reached = new Set();
  for (let presses = 0; presses < 45; presses += 1) {
    await page.keyboard.press("Tab");
    reached.add(await page.evaluate(() => {
      const at = document.activeElement;
      return at?.closest("#marks") ? "mark" : at?.closest("#decisions") ? "decision" : at?.closest("#targets") ? "target" : at?.id;
    }));
  }
  for (const wanted of ["search", "target", "mark", "charts", "filter", "decision", "theme", "help-open"]) {
    assert.ok(reached.has(wanted), `Tab does not reach ${wanted}: ${[...reached]}`);
  }
}

async function liveChangesAppear(page) {
  await step("act");
  await becomes(field(page, "desired"), "4", "the new decision's number");
  await becomes(field(page, "counts"), "4 running, 3 ready", "the new counts");
  await becomes(() => page.locator("#decisions > li").first().getAttribute("data-sequence"), "601", "the new decision");
  await becomes(text(page, 'b[data-series="desired"]'), "4", "the chart's end");
  await becomes(text(page, 'b[data-series="lag"]'), "77", "the lag's end");
  await page.locator('#marks button[data-sequence="601"]').waitFor();
  await page.keyboard.press("]");
  await becomes(() => page.evaluate(() => document.activeElement?.getAttribute("data-sequence")), "601", "its mark");
  await page.keyboard.press("Escape");
  await step("break");
  await becomes(text(page, "#problems pre"), "orders.yaml:7:3: spec.maxReplicas: <i>unknown</i> field", "the problem, as text");
  await step("mend");
  await becomes(() => page.locator("#problems").isVisible(), false, "no problem any more");
}

async function zoomAndBack(page) {
  const box = await page.locator('[data-panel="lag"] .u-over').boundingBox();
  await page.mouse.move(box.x + box.width * 0.6, box.y + 40);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.8, box.y + 50, { steps: 4 });
  await page.mouse.up();
  await becomes(() => page.locator("#live").isVisible(), true, "a dragged range can be left");
  await becomes(text(page, "#live-state"), "Paused view", "the state says so");
  await page.locator("#live").click();
  await becomes(text(page, "#live-state"), "Live", "live again");
}

async function outageIsSeen(page) {
  outage = true;
  await step("stop");
  await becomes(() => page.evaluate(() => document.body.dataset.live), "stale", "a lost server is seen");
  await becomes(field(page, "desired"), "4", "what was known stays on the page");
  const fetchedAgain = ["/series", "/records"].map((part) => page.waitForResponse((answer) => answer.url().includes(part) && answer.ok()));
  await step("start");
  await becomes(() => page.evaluate(() => document.body.dataset.live), "live", "and its return");
  await Promise.all(fetchedAgain);
  outage = false;
}

async function pictures() {
  for (const [name, width, height, colorScheme] of [
    ["wide-light", 1500, 1180, "light"],
    ["wide-dark", 1500, 1180, "dark"],
    ["middle-light", 1060, 900, "light"],
    ["narrow-dark", 390, 844, "dark"],
  ]) {
    const page = await open({ viewport: { width, height }, colorScheme });
    await page.locator("#decisions > li").first().waitFor();
    await page.locator("#charts canvas").first().waitFor();
    assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), colorScheme, "the system's theme");
    const excess = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.ok(excess <= 0, `${name}: ${excess} px wider than the window`);
    await page.screenshot({ path: `${shots}/${name}.png`, fullPage: true });
    await page.context().close();
  }
}

async function plainWithoutScripts() {
  const page = await open({ javaScriptEnabled: false });
  await page.getByRole("link", { name: "The same in plain tables" }).click();
  assert.ok((await page.locator("table").count()) > 3);
  assert.equal(await page.locator("td").nth(3).textContent(), "not known", "mail's lag, whose source fails");
  await page.context().close();
}

const page = await open();
await becomes(field(page, "name"), "orders", "the chosen target");
await valuesEqualTheApi(page);
const records = await decisionsEqualTheRecords(page);
await marksExplain(page, records);
await keyboardWorks(page);
await tabReachesEverything(page);
await pictures();
await liveChangesAppear(page);
await zoomAndBack(page);
await plainWithoutScripts();
await outageIsSeen(page);
await step("remove");
await becomes(() => page.locator("#gone").isVisible(), true, "a removed target is said to be gone");
assert.deepEqual(complaints, [], "no error, no request to elsewhere");
await browser.close();
console.log("ALL SEEN");
process.exit(0);
