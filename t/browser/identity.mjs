// People: the first sign-in by a link, a password, signing out and in, what a viewer sees, tokens, sessions that
// end elsewhere, what an admin does and the log says of it; and each page of that by axe in light, dark and on
// a phone.
import { mkdirSync } from 'node:fs';
import { axe, cli, drop, end, is, ok, open, row, shots, until, url } from './lib.mjs';

mkdirSync(shots, { recursive: true });
const PHONE = { width: 390, height: 844 }, DESK = { width: 1280, height: 860 };
const COLOURS = ['color-contrast', 'link-in-text-block'];
const PLACES = [...COLOURS, 'scrollable-region-focusable', 'target-size'];
const EXPECTED = [/status of 4/]; // refusals that the test provokes
const PASSWORD = 'fern harbour 42 lamp';
const link = (name) => cli('user', 'link', name).match(/\/login\/\S+/)[0];
const path = (page) => page.url().slice(url.length);

async function look(page, name, where, prepare) {
	await page.setViewportSize(DESK);
	await page.emulateMedia({ colorScheme: 'light' });
	if (where)
		await page.goto(url + where);
	await prepare?.(page);
	await page.screenshot({ path: `${shots}/${name}-light.png` });
	await axe(page, `${name}, light`);
	await page.emulateMedia({ colorScheme: 'dark' });
	await page.screenshot({ path: `${shots}/${name}-dark.png` });
	await axe(page, `${name}, dark`, COLOURS);
	await page.emulateMedia({ colorScheme: 'light' });
	await page.setViewportSize(PHONE);
	const wide = await page.evaluate(() => document.documentElement.scrollWidth) - PHONE.width;
	ok(wide <= 0, `${name}, on a phone: nothing to scroll sideways`, `${wide} px`);
	await page.screenshot({ path: `${shots}/${name}-phone.png`, fullPage: true });
	await axe(page, `${name}, phone`, PLACES);
	await page.setViewportSize(DESK);
}

async function sign_in(page, name, password) {
	await page.fill('#user', name);
	await page.fill('#password', password);
	await page.click('button:text-is("Sign in")');
}

// ---- the first sign-in ------------------------------------------------------------------------------
const admin = await open('/account', { reducedMotion: 'reduce' }, EXPECTED);
is(path(admin), '/login?next=%2Faccount', 'whoever comes is led to the login page');
await look(admin, 'login', null);
await admin.goto(url + link('admin'));
is(path(admin), '/', 'a link signs in');
ok(await admin.locator('.notice', { hasText: 'no password yet' }).isVisible(), 'and the page says what is missing');
await admin.click('.notice a');
await admin.fill('#password', 'dropmill12');
await admin.click('button:text("Set password")');
ok((await admin.locator('#password-error').innerText()).length > 0, 'a bad password is refused beside its field');
is(await admin.locator('#password').evaluate((field) => field === document.activeElement), true, 'which has the focus');
await look(admin, 'account-refused', null);
await admin.locator('[data-reveal]').check();
await admin.fill('#password', PASSWORD);
is(await admin.getAttribute('#password', 'type'), 'text', 'it can be looked at');
await admin.click('button:text("Set password")');
is(await admin.locator('#done').innerText(), 'The password is set. All your other sessions have ended.', 'a good one is taken');
is(path(admin), '/account', 'which is said once');
is(await admin.locator('.notice').count(), 0, 'and nothing is missing any more');

// ---- out and in again -------------------------------------------------------------------------------
await admin.click('#me summary');
await look(admin, 'menu', null);
await admin.keyboard.press('Escape');
is(await admin.getAttribute('#me', 'open'), null, 'Escape closes the menu');
await admin.click('#me summary');
await admin.click('button:text("Sign out")');
is(path(admin), '/login', 'signed out');
await admin.goto(`${url}/projects`);
await sign_in(admin, 'admin', 'wrong wrong wrong');
ok(/wrong/.test(await admin.locator('#sign-in-error').innerText()), 'a wrong password is refused');
await look(admin, 'login-refused', null);
await sign_in(admin, 'admin', PASSWORD);
is(path(admin), '/projects', 'the right one leads to where one wanted to go');

// ---- projects and an upload -------------------------------------------------------------------------
await admin.fill('#project-name', 'Archive 2026');
await admin.click('button:text("Create project")');
await admin.waitForSelector('#done');
await admin.click('a:has-text("Archive 2026")');
ok(/Archive 2026/.test(await admin.locator('.project summary').innerText()), 'the list says which project it shows');
await drop(admin, [['report.txt', 'all is well\n', 'text/plain']]);
await row(admin, 'report.txt').waitFor();
await admin.click('.project summary');
await look(admin, 'project', null);
await admin.click('.project nav a:has-text("default")');
is(await row(admin, 'report.txt').count(), 0, 'it is not in another');
await admin.goto(`${url}/projects`);
await admin.click('a:has-text("Archive 2026")');
await row(admin, 'report.txt').locator('th a').click();
await admin.locator('#job .path a').click();
is(path(admin), '/?project=2', 'and leads back to its own');
await admin.goto(`${url}/projects`);
await admin.locator('tr', { hasText: 'Archive' }).locator('summary').click();
await admin.fill('tr:has-text("Archive") input', 'default');
await admin.locator('tr', { hasText: 'Archive' }).getByRole('button', { name: 'Save' }).click();
ok(/of that name already/.test(await admin.locator('.edit .wrong >> visible=true').innerText()), 'a name that is taken');
await look(admin, 'projects', null);

// ---- people -----------------------------------------------------------------------------------------
await admin.goto(`${url}/admin/users`);
await admin.fill('#user-name', 'vera');
await admin.selectOption('#role', 'viewer');
await admin.click('button:text("Create user")');
const invitation = await admin.inputValue('#fresh');
ok(invitation.startsWith(`${url}/login/`), 'a new user gets a link, to be handed over');
await admin.click('[data-copy]');
ok(await until(async () => await admin.locator('[data-copy] span').innerText() === 'Copied'), 'by a button');
await look(admin, 'users', null);

const viewer = await open(invitation.slice(url.length), { reducedMotion: 'reduce' }, EXPECTED);
is(await viewer.getAttribute('body', 'data-role'), 'viewer', 'who is a viewer');
await viewer.goto(`${url}/?project=2`);
is(await row(viewer, 'report.txt').count(), 1, 'sees the job');
is(await viewer.locator('#upload, #jobs .acts button').count(), 0, 'and nothing to act with');
await look(viewer, 'viewer', null);
await row(viewer, 'report.txt').locator('th a').click();
await viewer.waitForURL('**/jobs/*');
is(await viewer.locator('#job .acts button').count(), 0, 'nor on its page');

cli('token', 'create', '--user', 'vera', '--name', 'nightly report of the warehouse', '--scope', 'read');
await admin.goto(`${url}/admin/users/vera`);
await look(admin, 'user', null, (page) => page.check('[value=some]'));
await admin.click('button:text("Revoke")');
is(await admin.locator('#ask-name').innerText(), 'nightly report of the warehouse', 'a token of somebody else is revoked');
await admin.click('#ask-yes');
await admin.waitForSelector('#done');
is(await admin.locator('h2', { hasText: 'Tokens' }).count(), 0, 'and is gone');
await admin.click('button:text("Disable")');
is(await admin.locator('#ask-title').innerText(), 'Disable this user?', 'what is dangerous is asked about');
await admin.click('#ask-no');
is(await admin.locator('dd', { hasText: 'disabled' }).count(), 0, 'and can be left');
await admin.click('button:text("Disable")');
await admin.click('#ask-yes');
// There is a #done already, of the token.
await admin.waitForSelector('dd:text-is("disabled")');
await viewer.goto(`${url}/?status=failed`);
is(path(viewer), '/login?next=%2F%3Fstatus%3Dfailed', 'a disabled user is out');
await admin.click('button:text("Enable")');
await admin.selectOption('[name=role]', 'member');
await admin.click('button:text("Change role")');
await admin.waitForSelector('#done:has-text("role")');

// ---- tokens and sessions ----------------------------------------------------------------------------
await admin.goto(`${url}/account`);
await admin.fill('#token-name', 'backup of the file server');
await admin.click('button:text("Create token")');
const token = await admin.inputValue('#fresh');
const asked = await fetch(`${url}/jobs/table`, { headers: { Authorization: `Bearer ${token}`, Accept: 'application/json' } });
is(asked.status, 200, 'a token is good');
await look(admin, 'account', null);
await admin.locator('tr', { hasText: 'backup' }).getByRole('button', { name: 'Revoke' }).click();
await admin.click('#ask-yes');
await admin.waitForSelector('#done:has-text("revoked")');
is((await fetch(`${url}/jobs/table`, { headers: { Authorization: `Bearer ${token}`, Accept: 'application/json' } })).status, 401,
	'until it is revoked');

const elsewhere = await open('/login?next=/%3Fstatus%3Dpending', { reducedMotion: 'reduce' }, EXPECTED);
await sign_in(elsewhere, 'admin', PASSWORD);
await elsewhere.waitForSelector('#jobs');
await admin.reload();
await admin.locator('tr:not(:has-text("this one"))', { hasText: 'Chrome' }).getByRole('button', { name: 'End' }).click();
await admin.waitForSelector('#done:has-text("session")');
ok(await until(() => path(elsewhere).startsWith('/login')), 'a session that was ended elsewhere leads to the login page by itself');
is(path(elsewhere), '/login?next=%2F%3Fstatus%3Dpending', 'which knows where one was');
await sign_in(elsewhere, 'admin', PASSWORD);
is(path(elsewhere), '/?status=pending', 'and leads back');

// An upload that would be refused says why; one whose session is over leads to the login page.
cli('org', 'set', 'local', '--quota-file', '1K');
await elsewhere.goto(`${url}/`);
await drop(elsewhere, [['large.bin', 'x'.repeat(900000), 'application/octet-stream']]);
ok(await until(async () => /larger than your organisation may upload/.test(await elsewhere.locator('#queue .say').innerText())),
	'a refused upload says why', await elsewhere.locator('#queue').innerText());
cli('org', 'set', 'local', '--quota-file', 'none');
await elsewhere.route('**/jobs/table*', () => {}); // so that it is not the poll that finds out
await elsewhere.goto(`${url}/`);
await admin.reload();
await admin.click('button:text("End all others")');
await admin.waitForSelector('#done');
await drop(elsewhere, [['late.txt', 'x', 'text/plain']]);
ok(await until(() => path(elsewhere).startsWith('/login')), 'so does an upload');

// ---- administration ---------------------------------------------------------------------------------
cli('org', 'create', 'Acme & Söhne');
await look(admin, 'admin', '/admin');
await admin.click('a:text-is("gather")');
await admin.click('button:text("Pause")');
await admin.click('#ask-yes');
ok(/paused/.test(await admin.locator('#done').innerText()), 'a type is paused');
await look(admin, 'type', '/admin/types/thumbnail');
await admin.goto(`${url}/admin/orgs`);
await admin.click('a:has-text("Acme")');
await admin.fill('#bytes', 'much');
await admin.click('button:text("Save limits")');
ok(/size such as/.test(await admin.locator('#bytes-error').innerText()), 'a limit that is none');
await look(admin, 'org', null);
await admin.fill('#bytes', '10G');
await admin.click('button:text("Save limits")');
await admin.waitForSelector('#done');
await look(admin, 'orgs', '/admin/orgs');
await admin.goto(`${url}/admin/audit`);
await admin.fill('#action', 'user');
await admin.click('button:text("Show")');
const said = await admin.locator('.log-rows tbody').innerText();
ok(/user\.create/.test(said) && /user\.disable/.test(said) && !/token\./.test(said), 'the log says what was done', said);
await look(admin, 'audit', '/admin/audit');

// ---- without JavaScript -----------------------------------------------------------------------------
const plain = await open(link('vera'), { javaScriptEnabled: false }, EXPECTED);
await plain.goto(`${url}/account`);
await plain.fill('#password', `${PASSWORD} too`);
await plain.click('button:text("Set password")');
ok(/password is set/.test(await plain.locator('#done').innerText()), 'a password is set without JavaScript');
await plain.fill('#token-name', 'plain');
await plain.click('button:text("Create token")');
ok((await plain.inputValue('#fresh')).startsWith('dm_'), 'and a token made');
await plain.click('button:text("Revoke")');
ok(/revoked/.test(await plain.locator('#done').innerText()), 'and revoked, without a question');
await plain.click('#me summary');
await plain.click('button:text("Sign out")');
is(path(plain), '/login', 'and signed out');
await end();
