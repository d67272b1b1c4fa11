// What every page does with JavaScript on: it keeps the list fresh through htmx, words times for the
// viewer, asks before a deletion, shows messages, and knows a few keys. Uploads are in upload.js.
//
// A fragment from the server is the same for everybody, so what depends on the viewer (relative times,
// time zone, colours) is added here. Nothing here evaluates text: the Content-Security-Policy forbids it.
'use strict';
(() => {
	const byId = (id) => document.getElementById(id);
	const root = document.documentElement;
	const live = () => byId('jobs') || byId('job');
	const list = () => document.querySelector('#job .path a')?.href || '/'; // that a job's page came from

	// ---- times ----------------------------------------------------------------------------------
	// <time> says "3m ago", its tooltip the full time in the viewer's zone. class="since" counts up,
	// class="clock" is the time of day. The server's clock counts, not the viewer's.
	let ahead = 0; // server's clock minus ours, ms
	const ago = new Intl.RelativeTimeFormat('en', { style: 'narrow', numeric: 'always' });
	const full = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'long' });
	const day = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });
	const year = new Intl.DateTimeFormat('en-GB', { month: 'short', year: 'numeric' });
	const clock = new Intl.DateTimeFormat('en-GB', {
		day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit', second: '2-digit',
	});
	const steps = [[60, 1, 'second'], [3600, 60, 'minute'], [86400, 3600, 'hour'], [7 * 86400, 86400, 'day']];

	function relative(at, now) {
		const seconds = Math.round((at - now) / 1000);
		if (Math.abs(seconds) < 5)
			return 'now';
		const step = steps.find(([below]) => Math.abs(seconds) < below);
		if (step)
			return ago.format(Math.trunc(seconds / step[1]), step[2]);
		return (now - at < 300 * 86400e3 ? day : year).format(at);
	}

	function elapsed(ms) {
		const s = Math.max(0, Math.floor(ms / 1000));
		const parts = [Math.floor(s / 3600), Math.floor(s / 60) % 60, s % 60];
		if (!parts[0])
			parts.shift();
		return parts.map((n, i) => (i ? String(n).padStart(2, '0') : n)).join(':');
	}

	function tick() {
		const now = Date.now() + ahead;
		for (const time of document.querySelectorAll('time[datetime]')) {
			const at = new Date(time.dateTime);
			if (isNaN(at))
				continue;
			const text = time.className === 'since' ? elapsed(now - at)
				: time.className === 'clock' ? clock.format(at) : relative(at, now);
			if (time.textContent !== text)
				time.textContent = text;
			if (!time.title)
				time.title = full.format(at);
		}
	}
	tick();
	setInterval(() => document.hidden || tick(), 1000);

	// ---- polling --------------------------------------------------------------------------------
	const refresh = () => live() && htmx.trigger(live(), 'refresh');

	document.addEventListener('htmx:config:request', (event) => {
		const { sourceElement, sourceEvent, request } = event.detail.ctx;
		request.cache = 'no-store'; // the browser's cache would turn a 304 into a 200 and a needless swap
		request.action ||= sourceElement.getAttribute('formaction'); // data-hx-post without a value: as the form
		if (sourceEvent?.type === 'every' && document.hidden)
			event.preventDefault(); // a hidden tab asks nothing
		if (sourceElement.id === 'find') {
			const q = (request.body.get('q') || '').trim();
			if (sourceEvent?.type === 'input' && q && [...q].length < 3)
				event.preventDefault(); // too short to search for while typing
			if (!q)
				request.body.delete('q');
		}
	});
	document.addEventListener('visibilitychange', () => {
		if (!document.hidden) {
			tick();
			refresh();
		}
	});

	// A server that does not answer, that it is back, and that it has become another meanwhile: this page is
	// then of a version that has gone.
	const bar = byId('offline');
	const version = live()?.getAttribute('data-hx-ptag')?.split('-')[0];
	let away = false, back = 0;

	function tell(text, ms) {
		clearTimeout(back);
		bar.textContent = text;
		bar.hidden = false;
		if (ms)
			back = setTimeout(() => { bar.hidden = true; }, ms);
	}

	function answered(tag) {
		if (version && tag && tag.split('-')[0] !== version) {
			if (bar.querySelector('a'))
				return;
			tell('Dropmill has been updated. ');
			bar.append(Object.assign(document.createElement('a'), { href: location.href, textContent: 'Load this page anew' }));
		} else if (away) {
			tell('The server is back, and this page is up to date again.', 5000);
		}
		away = false;
	}

	function unanswered() {
		away = true;
		tell('The server does not answer. This page keeps trying.');
	}

	document.addEventListener('htmx:after:request', (event) => {
		const ctx = event.detail.ctx;
		const { status, headers } = ctx.response;
		const skew = Date.parse(headers.get('Date')) - Date.now();
		ahead = Math.abs(skew) > 2000 ? skew : 0;
		if (status >= 502 && status <= 504)
			unanswered();
		else
			answered(headers.get('HX-PTag'));
		if (status === 404 && ctx.sourceElement.id === 'job')
			location.assign(list()); // this page's job has been deleted
		if (status >= 400 && !ctx.hx.retarget) {
			ctx.hx.reswap = 'none'; // not our words: nginx's, with nobody behind it
			if (ctx.request.method === 'POST')
				say(`The server answered ${status}.`);
		}
		if (ctx.request.method === 'POST')
			acted(ctx);
	});
	document.addEventListener('htmx:error', (event) => {
		if (event.detail.ctx)
			unanswered();
	});

	function acted(ctx) {
		if (ctx.response.status === 200 && ctx.sourceElement.matches('#job .delete'))
			location.assign(list());
		else
			setTimeout(refresh); // the counts have changed; or the row is no longer what it seemed
	}

	// The address of a view is the page's, not the fragment's.
	document.addEventListener('htmx:before:history:update', (event) => {
		const action = event.detail.history;
		action.path = action.path.replace(/^\/jobs\/table\/?/, '/');
	});

	// ---- swaps ----------------------------------------------------------------------------------
	// The keyboard keeps its place: when the focused button is gone, its row's name gets the focus, or
	// the row that took the place of a deleted one.
	let place = null;
	let before = new Map();
	document.addEventListener('htmx:before:swap', (event) => {
		const { sourceElement, request } = event.detail.ctx;
		if (sourceElement.id === 'jobs' && request.action !== sourceElement.getAttribute('data-hx-get')) {
			event.preventDefault(); // asked before another view was opened: it would lead back there
			return;
		}
		before = states();
		for (const task of event.detail.tasks) {
			for (const node of [...task.fragment.childNodes]) {
				if (node.nodeType === Node.TEXT_NODE && !node.data.trim())
					node.remove(); // line ends around the fragment would pile up in the page
			}
		}
		const at = document.activeElement;
		const row = at?.closest('tr[id]');
		place = row && { at, ids: [row.id, row.nextElementSibling?.id, row.previousElementSibling?.id] };
	});
	document.addEventListener('htmx:after:swap', () => {
		tick();
		if (place && !place.at.isConnected) {
			const row = place.ids.map((id) => id && byId(id)).find(Boolean);
			(row?.querySelector('th a') || byId('main')).focus({ preventScroll: true });
		}
		place = null;
		for (const link of document.querySelectorAll('a[data-archive]'))
			if (packing.has(link.href))
				link.setAttribute('aria-busy', 'true');
		report(before, states());
	});

	// ---- news -----------------------------------------------------------------------------------
	// What has ended is said to those who do not see it: once in a few seconds, and by numbers where it is
	// much. Rows that come and go with a filter or a page are no news, nor is what only moves on.
	const endings = ['completed', 'failed', 'cancelled', 'paused'];
	let ended = [], due = 0;

	function states() {
		const all = new Map();
		for (const name of document.querySelectorAll('[id^="name-"]')) {
			const at = name.closest('tr, header');
			const status = at.querySelector('.status');
			all.set(name.id, { name: name.textContent.trim(), status: status.classList[1], word: status.textContent.trim() });
		}
		return all;
	}

	function report(was, is) {
		for (const [id, { name, status, word }] of is)
			if (was.has(id) && was.get(id).status !== status && endings.includes(status))
				ended.push({ name, word: word.toLowerCase() });
		if (ended.length && !due) {
			due = setTimeout(() => {
				const count = (word) => ended.filter((one) => one.word === word).length;
				byId('news').textContent = ended.length < 3 ? ended.map(({ name, word }) => `${name} ${word}`).join(', ')
					: endings.filter(count).map((word) => `${count(word)} jobs ${word}`).join(', ');
				ended = [];
				due = 0;
			}, 1500);
		}
	}

	// ---- asking before what cannot be undone ------------------------------------------------------
	// The dialog as it comes asks about the deletion of a job; data-ask of another button has its own words:
	// the question, data-ask-what the consequence, and the button's own label is the answer.
	const job = { title: byId('ask-title').textContent, what: byId('ask-what').textContent };
	function ask(button) {
		const dialog = byId('ask');
		const { ask: title, askWhat } = button.dataset;
		const name = byId(button.getAttribute('aria-describedby'))?.textContent.trim();
		byId('ask-title').textContent = title ?? job.title;
		byId('ask-name').textContent = name || 'The job';
		byId('ask-what').textContent = title ? askWhat : job.what;
		byId('ask-no').textContent = title ? 'Cancel' : 'Keep';
		byId('ask-yes').textContent = title ? button.textContent.trim() : 'Delete';
		dialog.returnValue = '';
		dialog.showModal();
		return new Promise((resolve) => {
			dialog.addEventListener('close', () => resolve(dialog.returnValue === 'yes'), { once: true });
		});
	}

	let sure = null; // the button whose question has been answered with yes
	document.addEventListener('click', async (event) => {
		const button = event.target.closest('button.delete, button[data-ask]');
		if (!button || button === sure) {
			sure = null;
			return;
		}
		event.preventDefault();
		event.stopImmediatePropagation();
		if (await ask(button)) {
			sure = button;
			button.click();
		}
	}, true);

	// ---- a job in a dialog -----------------------------------------------------------------------
	// A row's link to the details fills it; while it is open it is made anew whenever the list is. What there
	// is to say of it stands here once, not in every row. Closed, the focus is back at the link, or at the list if its row has gone.
	const peek = byId('peek');
	let peeked = null; // the link's id
	const look = (link, source, swap) => htmx.ajax('GET', `${link.getAttribute('href')}/detail`, { source, target: '#peek-job', swap });
	document.addEventListener('click', (event) => {
		const link = peek && event.target.closest?.('a.look');
		if (link && !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey)) {
			event.preventDefault();
			look(link, link, 'innerHTML');
		}
	});
	const peeks = (ctx) => peek && (ctx.sourceElement.matches('a.look') || ctx.sourceElement === byId('peek-job'));
	document.addEventListener('htmx:after:swap', (event) => {
		const { ctx } = event.detail;
		if (peek?.open && ctx.sourceElement.id === 'jobs') {
			const link = byId(peeked);
			if (link)
				look(link, byId('peek-job'), 'innerMorph');
		} else if (peeks(ctx) && !peek.open) {
			if (!ctx.sourceElement.matches('a.look') || !byId('peek-job').firstElementChild)
				return; // closed while it was made anew
			peeked = ctx.sourceElement.id;
			peek.showModal();
		}
	});
	document.addEventListener('htmx:after:request', (event) => {
		if (peeks(event.detail.ctx) && event.detail.ctx.response.status >= 400)
			peek.close(); // the message that says why lies behind it
	});
	peek?.addEventListener('click', (event) => {
		if (event.target === peek)
			peek.close();
	});
	peek?.addEventListener('close', () => {
		(byId(peeked) || byId('main')).focus({ preventScroll: true });
		byId('peek-job').replaceChildren();
	});

	// ---- all results in one file ----------------------------------------------------------------
	// Made when somebody asks. Without JavaScript its link leads to a page that waits for it; here the
	// link itself does, and the page stays.
	const packing = new Set(); // their addresses: a refresh makes the links as they were
	async function fetchArchive(link) {
		const { href } = link;
		packing.add(href);
		link.setAttribute('aria-busy', 'true');
		try {
			for (;;) {
				const answer = await fetch(href, { method: 'HEAD', cache: 'no-store' });
				if (answer.status !== 202)
					break;
				await new Promise((resolve) => { setTimeout(resolve, 1000 * (answer.headers.get('Retry-After') || 1)); });
			}
			location.assign(href); // the file, or the page that says why there is none
		} catch {
			say('The server does not answer.');
		}
		packing.delete(href);
		for (const one of document.querySelectorAll('a[data-archive][aria-busy]'))
			if (one.href === href)
				one.removeAttribute('aria-busy');
	}

	document.addEventListener('click', (event) => {
		const link = event.target.closest('a[data-archive]');
		if (!link || event.ctrlKey || event.metaKey || event.shiftKey)
			return;
		event.preventDefault();
		if (!packing.has(link.href))
			fetchArchive(link);
	});

	// ---- messages -------------------------------------------------------------------------------
	const messages = byId('messages');
	let fade;

	function say(text) {
		const message = byId('message').content.cloneNode(true);
		message.querySelector('p').textContent = text;
		messages.replaceChildren(message);
	}

	messages.addEventListener('click', (event) => {
		if (event.target.closest('.close'))
			messages.replaceChildren();
	});
	new MutationObserver(() => {
		clearTimeout(fade);
		fade = setTimeout(() => messages.replaceChildren(), 12000);
	}).observe(messages, { childList: true });

	// ---- menus and forms ------------------------------------------------------------------------
	// A menu closes when something else is clicked, or by Escape, which gives the focus back.
	document.addEventListener('click', (event) => {
		for (const menu of document.querySelectorAll('details.menu[open]'))
			menu.open = menu.contains(event.target);
	});
	document.addEventListener('keydown', (event) => {
		const menu = event.key === 'Escape' && document.querySelector('details.menu[open]');
		if (menu) {
			menu.open = false;
			menu.querySelector('summary').focus();
		}
	});

	// What has been done is said once: another visit to the address is no news.
	if (byId('done')) {
		const here = new URL(location.href);
		here.searchParams.delete('done');
		history.replaceState(history.state, '', here);
	}

	document.addEventListener('change', (event) => {
		for (const id of event.target.dataset.reveal?.split(' ') ?? []) {
			if (byId(id))
				byId(id).type = event.target.checked ? 'text' : 'password';
		}
	});

	// A secret that is shown once is copied by a button, or selected where the clipboard is closed (http).
	document.addEventListener('click', async (event) => {
		const button = event.target.closest('button[data-copy]');
		if (!button)
			return;
		const field = byId(button.dataset.copy);
		field.select();
		try {
			await navigator.clipboard.writeText(field.value);
		} catch {
			if (!document.execCommand('copy'))
				return;
		}
		button.querySelector('span').textContent = 'Copied';
	});

	// ---- colours --------------------------------------------------------------------------------
	const themes = ['system', 'light', 'dark'];

	function theme(next) {
		let now = root.dataset.theme || 'system';
		if (next) {
			now = themes[(themes.indexOf(now) + 1) % themes.length];
			if (now === 'system')
				delete root.dataset.theme;
			else
				root.dataset.theme = now;
			try {
				localStorage.setItem('theme', now);
			} catch {
				// No storage: the choice lasts as long as the page.
			}
		}
		const button = byId('theme');
		const use = button.querySelector('use');
		use.setAttribute('href', use.getAttribute('href').replace(/#.*/, `#${now}`));
		button.title = now === 'system' ? 'Colours: as the system' : `Colours: ${now}`;
		button.setAttribute('aria-label', button.title);
	}
	theme(false);
	byId('theme').addEventListener('click', () => theme(true));

	// ---- keys -----------------------------------------------------------------------------------
	const help = () => byId('help').open || byId('help').showModal();
	byId('keys').addEventListener('click', help);
	const keys = {
		'u': () => byId('files')?.click(),
		'/': () => byId('q')?.focus(),
		'r': refresh,
		't': () => theme(true),
		'?': help,
	};
	document.addEventListener('keydown', (event) => {
		const typing = event.target.closest('input, textarea, select, [contenteditable], dialog');
		if (typing || event.ctrlKey || event.metaKey || event.altKey || !Object.hasOwn(keys, event.key))
			return;
		event.preventDefault();
		keys[event.key]();
	});
})();
