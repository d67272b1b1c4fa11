// The API's page: swagger-ui under the strict policy, try-it with the session of whoever is signed in, a request
// that changes something too; and the plain list with JavaScript off.
import { mkdirSync } from 'node:fs';
import { axe, cli, end, is, ok, open, shots, until } from './lib.mjs';

mkdirSync(shots, { recursive: true });

{
	const link = cli('user', 'link', 'admin').match(/\/login\/\S+/)[0];
	const page = await open(link);
	await page.goto(new URL('/docs', page.url()).href);
	ok(await until(() => page.locator('#swagger .opblock').count()), 'the reference is there');
	is(await page.locator('#listed').isHidden(), true, 'in place of the list');
	await page.screenshot({ path: `${shots}/docs.png` });

	const block = page.locator('#operations-api-listJobs');
	await block.locator('.opblock-summary-control').click();
	await block.locator('.try-out__btn').click();
	await block.locator('.execute').click();
	ok(await until(async () => /"jobs"/.test(await block.locator('.live-responses-table').innerText().catch(() => ''))), 'try-it answers');
	is(await block.locator('.live-responses-table tbody .response-col_status').first().innerText().then((t) => t.trim().slice(0, 3)), '200', 'with 200');

	const make = page.locator('#operations-api-createJob');
	await make.locator('.opblock-summary-control').click();
	await make.locator('.try-out__btn').click();
	await make.locator('textarea.body-param__text').fill('{"name":"tried"}');
	await make.locator('.execute').click();
	ok(await until(async () => /"tried"/.test(await make.locator('.live-responses-table').innerText().catch(() => ''))), 'a job is made by it');
	await page.screenshot({ path: `${shots}/docs-tried.png` });
	await page.context().close();
}
{
	const page = await open('/docs', { javaScriptEnabled: false });
	ok(await page.locator('#listed article').count() > 20, 'without JavaScript it is a list');
	ok(/POST \/api\/jobs/.test(await page.locator('#listed').innerText()), 'of what there is');
	await page.screenshot({ path: `${shots}/docs-plain.png` });
	await page.context().close();
}
{
	const page = await open('/docs');
	ok(await until(() => page.locator('#swagger .opblock').count()), 'for everybody');
	await end();
}
