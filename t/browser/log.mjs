// The page of a log while its job runs: new lines within a second, a reader who has scrolled up is left
// alone, colours, bytes that would be markup; and the same without JavaScript.
import { end, ended, is, job, ok, open, sleep, until, upload, url } from './lib.mjs';

const talk = await upload('talk.bin', 'x', 'talk');
await ended(talk.uuid, 'processing');
await until(async () => /tick/.test(await (await fetch(`${url}/jobs/${talk.uuid}/log`)).text()));

const page = await open(`/jobs/${talk.uuid}/log`);
const log = page.locator('#log');
const atEnd = () => log.evaluate((e) => e.scrollHeight - e.scrollTop - e.clientHeight < 4);

// ---- following --------------------------------------------------------------------------------------
is(await page.title(), 'Log of talk.bin · Dropmill', 'the title');
ok(await atEnd(), 'the end is shown first');
ok(/line 0 of the log/.test(await log.innerText()), 'and all of a short log');
await page.evaluate(() => {
	window.late = []; // ms between a line being written and being seen
	const seen = new Set(document.getElementById('log').innerText.match(/tick \d+/g));
	new MutationObserver(() => {
		for (const tick of document.getElementById('log').textContent.match(/tick \d{13}/g)) {
			if (!seen.has(tick)) {
				seen.add(tick);
				window.late.push(Date.now() - Number(tick.slice(5)));
			}
		}
	}).observe(document.getElementById('log'), { childList: true, subtree: true });
});
await until(() => page.evaluate(() => window.late.length >= 6));
const late = (await page.evaluate(() => window.late)).sort((a, b) => a - b);
ok(late.length >= 6 && late[Math.floor(late.length / 2)] < 1000, 'a new line appears within a second', late);
console.log(`# after ${late.join(', ')} ms`);
ok(await atEnd(), 'the page follows');

// ---- a reader who has scrolled up -------------------------------------------------------------------
const ticks = () => log.evaluate((e) => e.textContent.match(/tick/g).length);
await log.evaluate((e) => { e.scrollTop = 500; });
const before = await ticks();
ok(await until(async () => await ticks() >= before + 2), 'lines go on coming');
is(await log.evaluate((e) => e.scrollTop), 500, 'a reader who has scrolled up is not moved');
const button = page.locator('#log-end');
ok(await button.isVisible(), 'a button leads to the end');
await button.click();
ok(await atEnd(), 'and gets there');
ok(await button.isHidden(), 'then it is gone');
ok(await until(async () => await ticks() >= before + 4) && await atEnd(), 'and the page follows again');
await log.focus();
await page.keyboard.press('Home');
ok(await until(async () => await log.evaluate((e) => e.scrollTop) === 0), 'the keyboard scrolls');
await page.keyboard.press('End');
ok(await until(atEnd), 'both ways');

// ---- what it looks like -----------------------------------------------------------------------------
const style = (text, what) => log.locator('span', { hasText: new RegExp(`^${text}$`) }).first()
	.evaluate((e, property) => getComputedStyle(e)[property], what);
const ink = await log.evaluate((e) => getComputedStyle(e).color);
ok(await style('red', 'color') !== ink && await style('orange', 'color') !== await style('red', 'color'), 'colours');
is(await style('bold green', 'fontWeight'), '700', 'bold');
is(await style('inverse', 'backgroundColor'), ink, 'inverse');
ok(/underline/.test(await style('underlined', 'textDecorationLine')), 'underlined');
ok(/\nworking 99%\n/.test(await log.innerText()), 'a carriage return begins the line anew');
ok((await log.innerText()).includes('<script>window.hacked = 1</script><img src=x'), 'markup is text');
ok(!await page.evaluate(() => window.hacked), 'and does nothing');
is(await log.locator('script, img').count(), 0, 'nor is there any');
ok((await log.innerText()).includes('junk ␀␁\ufffdU+202E and'), 'junk is made visible');
const wide = () => log.evaluate((e) => e.scrollWidth > e.clientWidth);
ok(!await wide(), 'long lines are wrapped');
await page.click('#log-wrap');
ok(await wide(), 'unless one does not want that');
is(await page.locator('#log-wrap').getAttribute('aria-pressed'), 'false', 'the button says so');
await page.reload();
ok(await wide() && await atEnd(), 'which is remembered');
await page.click('#log-wrap');

// ---- what it costs ------------------------------------------------------------------------------------
const asked = [];
page.on('request', (request) => /\/log\?/.test(request.url()) && asked.push(request.url()));
await page.evaluate(() => Object.defineProperty(document, 'hidden', { value: true, configurable: true }));
await sleep(1500);
asked.length = 0;
await sleep(2000);
is(asked.length, 0, 'a hidden tab asks nothing');
await page.evaluate(() => {
	delete document.hidden;
	document.dispatchEvent(new Event('visibilitychange'));
});
const hidden = await ticks();
ok(await until(async () => await ticks() > hidden + 1, 3), 'it catches up when it is seen again');
const shown = await log.evaluate((e) => e.textContent.match(/tick \d+/g)); // once: the next may come at any time
is(shown.length, new Set(shown).size, 'no line came twice');

// ---- the page of the job, and without JavaScript --------------------------------------------------------
const plain = await open(`/jobs/${talk.uuid}/log`, { javaScriptEnabled: false });
is(await plain.locator('meta[http-equiv=refresh]').count(), 1, 'without JavaScript the page is loaded again');
const box = await plain.locator('#log').boundingBox();
const last = await plain.locator('#log-lines').boundingBox();
ok(Math.abs(box.y + box.height - last.y - last.height) < 60, 'the end is shown first', { box, last });
is(await plain.locator('#log .f1').innerText(), 'red', 'with colours');
ok(await plain.locator('#log-wrap').isHidden() && await plain.locator('#log-end').isHidden(), 'no button that does nothing');
const about = await open(`/jobs/${talk.uuid}`);
ok(/tick \d+\s*$/.test(await about.locator('#job .log').innerText()), 'the page of the job shows the last lines');
const told = await about.locator('#job .log').innerText();
ok(await until(async () => await about.locator('#job .log').innerText() !== told, 8), 'and keeps up with them');
await about.click('text=The whole log');
is(new URL(about.url()).pathname, `/jobs/${talk.uuid}/log`, 'and leads to the whole');

// ---- the end ----------------------------------------------------------------------------------------------
await fetch(`${url}/jobs/${talk.uuid}/cancel`, { method: 'POST' });
ok(await until(async () => await page.locator('#log-status').innerText() === 'Cancelled'), 'the end is told');
ok(await until(async () => !await log.evaluate((e) => 'live' in e.dataset)), 'and nobody asks any more');
asked.length = 0;
await sleep(1500);
is(asked.length, 0, 'really');
// It loads itself again, too: whichever comes second breaks off the other.
const again = () => plain.reload().catch(() => {});
await until(async () => { await again(); return await plain.locator('meta[http-equiv=refresh]').count() === 0; }, 6);
is(await plain.locator('meta[http-equiv=refresh]').count(), 0, 'without JavaScript neither');
await until(async () => (await job(talk.uuid)).actions.includes('retry'));
await fetch(`${url}/jobs/${talk.uuid}/retry`, { method: 'POST' });
await ended(talk.uuid, 'processing');
await page.goto(`${url}/jobs/${talk.uuid}/log`);
is(await page.locator('.attempts a').count(), 2, 'each attempt has its log');
await page.click('.attempts a:last-child');
is(await page.locator('.attempts [aria-current]').innerText(), 'Attempt 1 Cancelled', 'and is a click away');
ok(/line 0 of the log/.test(await log.innerText()), 'with what it said');
await fetch(`${url}/jobs/${talk.uuid}/cancel`, { method: 'POST' });

await end();
