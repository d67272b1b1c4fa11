// The options of a job type in the upload panel: swapped in, checked here and by the server, and the same
// with JavaScript off.
import { mkdirSync } from 'node:fs';
import { axe, cli, drop, end, ended, is, job, ok, open, row, shots, until, url } from './lib.mjs';

mkdirSync(shots, { recursive: true });
const text = (name, content = 'x\n') => ({ name, mimeType: 'text/plain', buffer: Buffer.from(content) });
const error = (page, name) => page.locator(`#param-${name}-error`).innerText();
const uuid = async (page, name) => (await row(page, name).getAttribute('id')).replace('job-', '');

async function fill(page) {
	await page.selectOption('#param-size', 'rather large');
	await page.fill('#param-count', '3');
	await page.fill('#param-code', 'ABC');
	await page.fill('#param-day', '2026-11-24');
	await page.check('#param-gray');
	await page.setInputFiles('#param-style', text('house.css', 'p {}\n'));
	await page.fill('#param-pw', 'correct-horse');
}

// ---- JavaScript on ----------------------------------------------------------------------------------
{
	const page = await open('/', {}, [/422/]);
	ok(await page.locator('#send').isHidden(), 'no button where there are no options');
	await page.selectOption('#type', 'shape');
	await page.locator('#param-size').waitFor();
	is(await page.locator('#files').getAttribute('accept'), 'text/plain,.txt', 'the file dialog offers what the type takes');
	is(await page.inputValue('#param-size'), 'small', 'the default is selected');
	for (const [id, name, value] of [['count', 'min', '1'], ['count', 'max', '9'], ['count', 'step', '1'], ['code', 'pattern', '[A-Z]{3}'],
		['day', 'type', 'date'], ['day', 'min', '2026-01-01'], ['pw', 'type', 'password'], ['style', 'type', 'file'],
		['gray', 'type', 'checkbox'], ['pw', 'autocomplete', 'new-password']])
		is(await page.locator(`#param-${id}`).getAttribute(name), value, `${id} has ${name}`);
	is(await page.getByLabel('How many').getAttribute('aria-describedby'), 'param-count-error param-count-help', 'labelled and described');
	await axe(page, 'options');
	for (const [scheme, width] of [['light', 1280], ['dark', 1280], ['light', 390]]) {
		await page.emulateMedia({ colorScheme: scheme });
		await page.setViewportSize({ width, height: 860 });
		await page.screenshot({ path: `${shots}/options-${scheme}-${width}.png` });
	}
	await page.emulateMedia({ colorScheme: 'light' });
	await page.setViewportSize({ width: 1280, height: 860 });

	await drop(page, [['a.txt', 'one\n'], ['b.txt', 'two\n']]);
	is(await page.locator('#sent').innerText(), '2 files to be uploaded', 'files wait for the options');
	await page.click('#send');
	is(await page.locator('#queue li').count(), 2, 'and go on waiting while one is missing');
	await fill(page);
	await page.dblclick('#send');
	ok(await until(async () => await row(page, 'a.txt').count() && await row(page, 'b.txt').count()), 'then they go');
	is(await page.locator('#jobs tbody tr').count(), 2, 'once, though it was a double click');
	const id = await uuid(page, 'a.txt');
	ok(await ended(id), 'the job completes');
	const made = await job(id);
	is(JSON.stringify(made.params), JSON.stringify({ size: 'rather large', count: '3', code: 'ABC', day: '2026-11-24',
		gray: 'yes', style: 'house.css', pw: '•••' }), 'with what was filled in');
	is(made.result, 'CODE=ABC COUNT=3 DAY=2026-11-24 GRAY=yes PW=••• SIZE=rather large STYLE=/job/in/house.css of a.txt house.css',
		'which the command was given');

	// The server's word on what the browser let pass.
	await page.evaluate(() => document.querySelector('#param-code').removeAttribute('pattern'));
	await page.fill('#param-code', 'abc');
	await drop(page, [['c.txt', 'three\n']]);
	await page.click('#send');
	ok(await until(async () => await error(page, 'code') !== ''), 'an error of the server');
	is(await error(page, 'code'), 'Code does not have the form that is asked for', 'stands beside its field');
	is(await page.locator('#param-code').getAttribute('aria-invalid'), 'true', 'which is marked');
	await axe(page, 'an error');
	await page.screenshot({ path: `${shots}/options-error.png` });
	await page.fill('#param-code', 'XYZ');
	is(await error(page, 'code'), '', 'until it is changed');
	await page.click('#queue .again');
	ok(await until(async () => await row(page, 'c.txt').count()), 'then the file goes');
	is((await job(await uuid(page, 'c.txt'))).params.code, 'XYZ', 'with the new value');

	await page.selectOption('#type', 'gather');
	ok(await until(async () => !await page.locator('#param-size').count()), 'another type, other options');
	ok(await page.locator('#send').isHidden(), 'none: no button');
	await drop(page, [['m1', '1'], ['m2', '2'], ['m3', '3']]);
	ok(await until(async () => await row(page, 'm1 and 2 more').count()), 'files dropped together are one job');
	const many = await uuid(page, 'm1 and 2 more');
	ok(await ended(many), 'which completes');
	is((await job(many)).result, 'got 3', 'and has them all');

	// What will not be taken is said before it is sent, where the name of the file tells for certain.
	const option = (name) => page.locator(`#type option[value="${name}"]`);
	await page.selectOption('#type', 'shape');
	await page.locator('#param-size').waitFor();
	await drop(page, [['photo.png', 'no picture', 'image/png'], ['odd.ts', 'text after all\n', 'video/mp2t']]);
	is(await page.locator('#queue .refused .say').innerText(), 'Shape does not take .png', 'a picture is refused');
	is(await page.locator('#queue .held').count(), 1, 'what may be something else is not');
	ok(/^Shape, not for .png$/.test(await option('shape').textContent()), 'the list of types says so');
	await page.locator('#queue .held .stop').click();
	await page.selectOption('#type', '');
	ok(await until(async () => await row(page, 'photo.png').count()), 'with another type the picture goes');
	is(await option('shape').textContent(), 'Shape', 'and the list is as before');

	// More options: what is dropped waits, and goes with them.
	ok(await until(() => page.locator('#sending').isHidden()), 'the list of uploads goes');
	await page.click('#more summary');
	await drop(page, [['numbers.csv', 'a,b\n1,2\n', 'text/csv']]);
	is(await page.locator('#sent').innerText(), '1 file to be uploaded', 'files wait for more options');
	is(await option('').textContent(), `Automatic: ${(await option('csv-profile').textContent())}`, 'the list says what the file leads to');
	await drop(page, [['photo too.png', 'no picture', 'image/png']]);
	ok(await option('shape').isDisabled(), 'a type that takes only one of two cannot be chosen');
	is(await option('').textContent(), 'Automatic', 'and nothing is foretold of both');
	await page.locator('#queue li', { hasText: 'photo too' }).locator('.stop').click();
	await page.fill('#priority', '101');
	await page.click('#send');
	is(await page.locator('#queue .held').count(), 1, 'a wrong one is not sent');
	await page.fill('#priority', '7');
	await page.fill('#run_at', '2099-01-01T00:00');
	await page.click('#more summary');
	// A <details> tells that it was closed a task later than the click.
	ok(await until(async () => /^priority 7, from 1 Jan 2099/.test(await page.locator('#more-said').innerText())),
		'closed, they say what is set');
	await page.click('#send');
	ok(await until(async () => await page.locator('#run_at-error').innerText() === 'run_at must be at most 366 days ahead'),
		'what the server does not like stands beside its field, open again');
	const soon = new Date(Date.now() + 3600e3);
	soon.setSeconds(0, 0);
	const local = new Date(soon - soon.getTimezoneOffset() * 60e3).toISOString().slice(0, 16);
	await page.fill('#run_at', local);
	await page.click('#queue .again');
	ok(await until(async () => await row(page, 'numbers.csv').count()), 'then the file goes');
	const later = await job(await uuid(page, 'numbers.csv'));
	is(`${later.priority} ${Date.parse(later.run_at)} ${later.job_type}`, `7 ${+soon} csv-profile`, 'with both');
	await page.fill('#run_at', '');
	await page.fill('#priority', '');
	await page.click('#more summary');

	cli('types', 'pause', 'gather');
	await page.goto(`${url}/?new=gather`);
	is(await option('gather').textContent(), 'Gather (paused)', 'a paused type is marked');
	ok(/it is paused/.test(await page.locator('#options .hint').innerText()), 'and says so when it is chosen');
	await axe(page, 'a paused type');
	cli('types', 'resume', 'gather');

	await page.goto(`${url}/jobs/${id}`);
	is(await page.locator('.parameters').innerText().then((t) => t.includes('rather large') && t.includes('•••')), true,
		'the page of the job shows the parameters');
	ok(!(await page.content()).includes('correct-horse'), 'but not the secret');
	await axe(page, 'job');
	await page.screenshot({ path: `${shots}/job-parameters.png` });
	await page.click('.parameters a');
	is(await page.inputValue('#param-code'), 'ABC', 'a new job can begin with the same');
	is(await page.inputValue('#param-pw'), '', 'but for the secret');
	await page.context().close();
}

// ---- JavaScript off ---------------------------------------------------------------------------------
{
	const page = await open('/', { javaScriptEnabled: false }, [/422/]);
	await page.selectOption('#type', 'shape');
	await page.click('button[form=choose]');
	is(new URL(page.url()).search, '?new=shape', 'the type is a link');
	is(await page.locator('#send').innerText(), 'Upload for Shape', 'the button says what it does');
	is(await page.locator('#files').getAttribute('accept'), 'text/plain,.txt', 'and the file field what it takes');
	await page.screenshot({ path: `${shots}/options-plain.png` });
	await fill(page);
	await page.setInputFiles('#files', text('plain.txt'));
	await page.click('#send');
	is(new URL(page.url()).search, '', 'it leads back to the list');
	const id = await uuid(page, 'plain.txt');
	ok(await ended(id), 'the job completes');
	is((await job(id)).params.gray, 'yes', 'with what was filled in');

	await page.goto(`${url}/?new=shape&params.count=5`);
	is(await page.inputValue('#param-count'), '5', 'an address can fill in');
	await page.fill('#param-code', 'ABC');
	await page.uncheck('#param-gray');
	await page.locator('#param-pw').fill('correct-horse');
	await page.setInputFiles('#files', { name: 'picture.png', mimeType: 'image/png',
		buffer: Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex') });
	await page.click('#send');
	ok(/does not take/.test(await page.locator('#options > .wrong').innerText()), 'what is wrong with the file is said');
	is(await page.inputValue('#param-code'), 'ABC', 'what was filled in is still there');
	is(await page.inputValue('#param-pw'), '', 'but for the secret');
	ok(!(await page.content()).includes('correct-horse'), 'which is nowhere');
	await end();
}
