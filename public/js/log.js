// The page of a log: it follows the end while the job runs, unless the reader has scrolled up.
//
// What comes next is asked for as JSON: lists of runs { text, class } that the server made of whatever the
// command wrote. They become text nodes and spans with class names, so nothing in a log can be markup here.
'use strict';
(() => {
	const log = document.getElementById('log');
	if (!log)
		return;
	const byId = (id) => document.getElementById(id);
	const lines = byId('log-lines'), line = byId('log-line'), note = byId('log-note'), toEnd = byId('log-end');
	const FAST = 200, SLOW = 700; // ms between questions: while text comes, and at most
	const KEEP = 1 << 20; // characters kept in the page; the rest is a link away
	const BEHIND = 1 << 18; // bytes to catch up with; more is skipped
	let wait = FAST, timer = 0, asking = false, tag = '', following = true, kept = 0;

	// ---- showing ------------------------------------------------------------------------------------
	function runs(list) {
		const out = document.createDocumentFragment();
		for (const run of list) {
			if (run.class) {
				const span = document.createElement('span');
				span.className = run.class;
				span.textContent = run.text;
				out.append(span);
			} else {
				out.append(run.text);
			}
		}
		return out;
	}

	// In place of what is not shown.
	function gap(text) {
		const span = document.createElement('span');
		span.className = 'gap';
		span.textContent = text;
		return span;
	}

	// A part of its own, so that the browser need not lay out what is far away.
	function add(part) {
		const block = document.createElement('span');
		if (part.left_out)
			block.append(gap(`${part.left_out_text} left out`), '\n');
		else if (part.skipped)
			block.append(gap('Not shown here: more came than a page can follow'), '\n');
		block.append(runs(part.lines));
		if (block.firstChild)
			lines.append(block);
		line.replaceChildren(runs(part.line));
		kept += block.textContent.length;
		while (following && kept > KEEP && lines.childNodes.length > 1) {
			kept -= lines.firstChild.textContent.length;
			lines.firstChild.remove();
		}
	}

	const atEnd = () => log.scrollHeight - log.scrollTop - log.clientHeight < 4;

	function jump() {
		log.scrollTop = log.scrollHeight;
		following = true;
		toEnd.hidden = true;
	}

	log.addEventListener('scroll', () => {
		following = atEnd();
		toEnd.hidden = following;
	}, { passive: true });
	toEnd.addEventListener('click', () => {
		jump();
		log.focus({ preventScroll: true });
	});
	// The browser's own way there takes a moment, in which lines come and the end moves on.
	log.addEventListener('keydown', (event) => {
		if (event.key !== 'End' || event.shiftKey || event.altKey || event.metaKey)
			return;
		event.preventDefault();
		jump();
	});
	new ResizeObserver(() => following && jump()).observe(log);

	// ---- following ----------------------------------------------------------------------------------
	function status(part) {
		const badge = byId('log-status').querySelector('.status');
		badge.className = `status ${part.status}`;
		badge.lastChild.data = part.status_label;
		const use = badge.querySelector('use');
		use.setAttribute('href', use.getAttribute('href').replace(/#.*/, `#${part.status}`));
		note.textContent = part.size ? `${part.size_text} in all.`
			: part.is_live ? 'It has not said anything yet.' : 'It has not said anything.';
	}

	// False: nothing is new.
	async function ask() {
		const { url, next, code } = log.dataset;
		const from = next === '' ? '' : `&from=${next}&style=${encodeURIComponent(code)}`;
		const answer = await fetch(url + from, {
			cache: 'no-store',
			headers: { 'Accept': 'application/json', ...(tag && { 'If-None-Match': tag }) },
		});
		if (answer.status === 304)
			return false;
		if (!answer.ok)
			throw new Error(answer.status);
		tag = answer.headers.get('ETag') || '';
		const part = (await answer.json()).log;
		part.skipped = next === '';
		add(part);
		status(part);
		log.dataset.next = following && part.size - part.next > BEHIND ? '' : part.next;
		log.dataset.code = part.style;
		if (part.is_end)
			delete log.dataset.live;
		if (following)
			jump();
		else
			toEnd.hidden = false;
		return true;
	}

	async function poll() {
		timer = 0;
		if (asking || document.hidden || !('live' in log.dataset))
			return;
		if (!following && kept > 4 * KEEP) {
			timer = setTimeout(poll, SLOW); // enough for one who reads something else
			return;
		}
		asking = true;
		try {
			wait = await ask() ? FAST : Math.min(wait * 2, SLOW);
			byId('offline').hidden = true;
		} catch (error) {
			wait = 2000;
			byId('offline').hidden = /^[34]/.test(error.message);
		}
		asking = false;
		timer = setTimeout(poll, wait);
	}
	document.addEventListener('visibilitychange', () => {
		if (!document.hidden && !timer)
			poll();
	});

	// ---- lines that are long ------------------------------------------------------------------------
	const wrap = byId('log-wrap');

	function setWrap(on) {
		log.classList.toggle('wrap', on);
		wrap.setAttribute('aria-pressed', on);
		if (following)
			jump();
	}
	try {
		setWrap(localStorage.getItem('log-wrap') !== 'no');
	} catch {
		// No storage: lines are wrapped until somebody says otherwise.
	}
	wrap.addEventListener('click', () => {
		const on = !log.classList.contains('wrap');
		setWrap(on);
		try {
			localStorage.setItem('log-wrap', on ? 'yes' : 'no');
		} catch {
			// It lasts as long as the page.
		}
	});

	if (log.classList.contains('at-end'))
		jump();
	else
		following = false;
	kept = lines.textContent.length;
	poll();
})();
