// All of it with JavaScript off: forms, links and redirects. And that the watch over the pages sees what a
// server does to a connection.
import { createServer } from 'node:http';
import { bare, end, ended, is, job, ok, open, row, state, until, upload, watch } from './lib.mjs';

const page = await open('/', { javaScriptEnabled: false }, [/status of (404|422)/]);
is(await page.locator('.empty h2').innerText(), 'No jobs yet', 'an empty queue says so');

await page.setInputFiles('#files', [
	{ name: 'a.csv', mimeType: 'text/csv', buffer: Buffer.from('n,name\n1,x\n') },
	{ name: 'b.txt', mimeType: 'text/plain', buffer: Buffer.from('plain words\n') }]);
await page.dblclick('#send');
await page.locator('#jobs tbody tr').first().waitFor();
await page.reload();
is(await page.locator('#jobs tbody tr').count(), 2, 'an upload leads back to the list, with one row for each file after a double click');
ok(await until(async () => {
	await page.reload();
	return await state(page, 'a.csv') === 'Completed' && await state(page, 'b.txt') === 'Completed';
}), 'both complete');
is(await page.locator('meta[http-equiv=refresh]').count(), 0, 'nothing runs, nothing is loaded again');

// All results in one file: a page that waits for it, and then the download.
await row(page, 'a.csv').locator('th a').click();
const download = page.waitForEvent('download');
await page.click('text=Download all');
is(await page.locator('h1').innerText(), 'Packing 2 results', 'while the archive is being made there is a page that says so');
is((await download).suggestedFilename(), 'a.zip', 'then it comes by itself');
await page.click('.path a');
await page.click('.path a');

// More options.
const send = async (priority, run_at) => {
	if (!await page.locator('#priority').isVisible())
		await page.click('#more summary');
	await page.fill('#priority', priority);
	await page.fill('#run_at', run_at);
	await page.setInputFiles('#files', { name: 'later.txt', mimeType: 'text/plain', buffer: Buffer.from('later\n') });
	await page.click('#send');
};
ok(!await page.locator('#priority').isVisible(), 'there are more options for those who want them');
await send('7', 'tomorrow');
is(await page.locator('#run_at-error').innerText(),
	'run_at must be a time in UTC such as 2026-11-22T09:30Z, or from now on such as +30m', 'what is wrong with one stands beside it');
is(await page.inputValue('#run_at') + await page.inputValue('#priority'), 'tomorrow7', 'and what was filled in is still there');
await send('7', '+2h');
const later = await job((await row(page, 'later').getAttribute('id')).replace('job-', ''));
is(later.priority, 7, 'priority');
ok(Math.abs(Date.parse(later.run_at) - Date.now() - 7200e3) < 60e3 && later.status === 'pending', 'and a later start', later.run_at);
await row(page, 'later').locator('button.delete').click();

await page.selectOption('#type', 'endless');
await page.click('button[form=choose]');
await page.setInputFiles('#files', { name: 'victim.bin', mimeType: '', buffer: Buffer.from('x') });
await page.click('#send');
is(await page.locator('meta[http-equiv=refresh]').count(), 1, 'while something runs the page is loaded again');
const uuid = (await row(page, 'victim').getAttribute('id')).replace('job-', '');
is((await job(uuid)).job_type, 'endless', 'the type that was chosen');
await ended(uuid, 'processing');

await page.goto(`${page.url().split('?')[0]}?status=processing`);
await row(page, 'victim').locator('button.cancel').click();
is((await job(uuid)).status, 'cancelled', 'cancel works');
is(new URL(page.url()).search, '?status=processing', 'and leads back to the view it was on');
await page.click('#tab-cancelled');
await until(async () => (await job(uuid)).actions.includes('retry'));
await row(page, 'victim').locator('button.retry').click();
ok(await until(async () => (await job(uuid)).retry_count === 1), 'retry works');

await page.goto(new URL(`/jobs/${uuid}`, page.url()).href);
is(await page.locator('h1').innerText(), 'victim.bin', 'the page of a job');
await page.click('button.cancel');
is(new URL(page.url()).pathname, `/jobs/${uuid}`, 'an action there leads back to it');
is(await page.locator('#job > header .status').innerText(), 'Cancelled', 'with the new state');
await page.click('button.delete');
is(new URL(page.url()).pathname, '/', 'delete leads to the list');
is(await job(uuid), null, 'and deletes');

await upload('needle in the hay.txt', 'x\n');
await page.fill('#q', 'needle');
await page.click('#find button');
is(await page.locator('#jobs tbody tr').count(), 1, 'search works');
await page.goto(new URL('/jobs/99999', page.url()).href);
is(await page.locator('.error-page .code').innerText(), '404', 'what is not there has a page that says so');

// ---- the watch over all pages ------------------------------------------------------------------------
// A page with two polls: one that the server leaves open, one that it resets, answers with nothing, or cuts off.
const server = createServer((request, response) => {
	if (request.url === '/')
		return response.setHeader('Content-Type', 'text/html').end('<!doctype html><link rel="icon" href="data:,">');
	if (request.url === '/reset')
		return request.socket.resetAndDestroy();
	if (request.url === '/nothing')
		return request.socket.destroy();
	if (request.url === '/cut')
		return response.writeHead(200, { 'Content-Length': '9' }).write('cut', () => request.socket.destroy());
	return null; // /open
});
await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
const origin = `http://127.0.0.1:${server.address().port}`;
for (const [path, sign] of [['open', null], ['reset', /ERR_CONNECTION_RESET/], ['nothing', /ERR_EMPTY_RESPONSE/],
	['cut', /ERR_CONTENT_LENGTH_MISMATCH|ERR_INCOMPLETE/]]) {
	const poor = await bare();
	const found = watch(poor, [], origin);
	await poor.goto(origin);
	await poor.evaluate((at) => {
		for (const to of ['open', at])
			fetch(to).then((answer) => answer.text()).catch((error) => console.error(String(error)));
	}, path);
	await until(() => found.length, sign ? 5 : 0.3);
	await poor.goto('about:blank');
	await poor.close();
	ok(sign ? found.some((one) => sign.test(one)) : !found.length,
		sign ? `it sees an answer that is ${path}` : 'a poll under way when the page is left is nothing', found);
}
server.closeAllConnections();
server.close();

await end();
