//! The console at `/ui`, in a real browser.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use crate::browser::Browser;
use crate::connector::config_with;
use crate::lab::{self, Outcome, Sandbox, deadline};
use crate::worker::Worker;

const PASSWORD: &str = "hunter2-of-the-test";

/// Texts whose contrast with their ground is below 4.5 to 1, the least that WCAG 2 asks for (AA, 1.4.3); controls that
/// are disabled are exempt there. Names that a screen reader would miss are told as well.
const FAINT_TEXT: &str = r"(() => {
    const parts = (color) => color.match(/[\d.]+/g).map(Number);
    const light = (color) => parts(color).slice(0, 3)
        .map((part) => part / 255).map((part) => (part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
        .reduce((sum, part, index) => sum + part * [0.2126, 0.7152, 0.0722][index], 0);
    const ground = (element) => {
        for (let at = element; at; at = at.parentElement) {
            const color = getComputedStyle(at).backgroundColor;
            if ((parts(color)[3] ?? 1) > 0) return color;
        }
        return 'rgb(255, 255, 255)';
    };
    const bad = [];
    for (const element of document.querySelectorAll('body *')) {
        const named = element.textContent.trim() || element.getAttribute('aria-label');
        if (element.matches('button, a, meter, progress, svg[role=img]') && !named) bad.push(`no name: ${element.outerHTML}`);
        if (element.matches('th') && !element.getAttribute('scope')) bad.push(`no scope: ${element.textContent}`);
        if (!element.checkVisibility() || element.closest('button:disabled, noscript')) continue;
        if (![...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim())) continue;
        const [a, b] = [light(getComputedStyle(element).color), light(ground(element))];
        const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (contrast < 4.5) bad.push(`${contrast.toFixed(2)}: ${element.textContent}`);
    }
    return bad.join('; ');
})()";

async fn put(worker: &Worker, name: &str, config: &Value) -> Outcome<()> {
    let path = format!("/connectors/{name}/config");
    worker.rest.put(&path, Some(config)).await?.success("PUT config").map(drop)
}

/// What `/ui/state` says of the only connector.
async fn state(worker: &Worker) -> Outcome<Value> {
    Ok(worker.rest.get("/ui/state").await?.success("GET /ui/state")?.json())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn console_shows_what_runs_and_does_what_its_buttons_say() {
    lab::test("console", 1, async |sandbox| {
        let Some(mut browser) = Browser::open("console").await? else { return Ok(()) };
        sandbox
            .sql(
                "CREATE TABLE users (id int PRIMARY KEY, name text, email text); \
                 CREATE TABLE orders (id bigserial PRIMARY KEY, user_id int, product text, amount numeric(10,2)); \
                 CREATE TABLE audit_log (at timestamptz, what text); \
                 INSERT INTO users SELECT g, 'user ' || g, 'user' || g || '@example.org' FROM generate_series(1, 500) g; \
                 CREATE TABLE signals (id varchar(42) PRIMARY KEY, type varchar(32), data varchar(2048)); ANALYZE",
            )
            .await?;
        let mut worker =
            Worker::new(sandbox, "console", &[("offset.flush.interval.ms", "1000")])?;
        worker.start().await?;
        let base = format!("http://{}/ui", worker.rest.authority());
        browser.size(1280, 960).await?;
        browser.scheme("light").await?;
        browser.go(&base).await?;
        browser.until("an empty worker says so", "document.querySelector('main').textContent.includes('No connector yet')").await?;
        let config = config_with(sandbox, json!({"database.password": PASSWORD, "signal.data.collection": "public.signals"}));
        put(&worker, "pg-connector", &config).await?;
        sandbox.wait_streaming().await?;
        browser.until("the connector is shown", "document.querySelector('h2 ~ .state')?.textContent.includes('RUNNING')").await?;
        browser.until("the snapshot is shown", "document.querySelector('main').textContent.includes('complete, 500 rows')").await?;
        browser.until("the slot is shown", "document.querySelector('main').textContent.includes('active, reserved')").await?;
        traffic(sandbox, &mut browser).await?;
        browser
            .until("records are shown", "[...document.querySelectorAll('td.key')].some((cell) => cell.textContent === '{\"id\":7}')")
            .await?;
        pictures(&mut browser).await?;
        buttons(&worker, &mut browser).await?;
        let seen = state(&worker).await?.to_string();
        if seen.contains(PASSWORD) || seen.contains("user7@example.org") {
            return Err("the state holds a password or a value".into());
        }
        browser.close().await
    })
    .await;
}

/// Some changes a moment, for as long as the lines of the page need to have a shape.
async fn traffic(sandbox: &Sandbox, browser: &mut Browser) -> Outcome<()> {
    let seconds = if pictures_to().is_some() { 60 } else { 3 };
    for round in 0..seconds * 4 {
        let count = 20 + (round * 37) % 90 + if round % 23 == 0 { 200 } else { 0 };
        sandbox
            .sql(&format!(
                "INSERT INTO orders (user_id, product, amount) SELECT g, 'product ' || g, g * 1.5 FROM generate_series(1, {count}) g; \
                 UPDATE users SET name = 'renamed {round}' WHERE id = 7; \
                 DELETE FROM orders WHERE id = (SELECT min(id) FROM orders)"
            ))
            .await?;
        browser.ask("new Promise((done) => setTimeout(done, 200, true))").await?;
    }
    sandbox.sql("UPDATE users SET name = 'last' WHERE id = 7").await
}

/// `WALBRIDGE_TEST_PICTURES`.
fn pictures_to() -> Option<PathBuf> {
    std::env::var_os("WALBRIDGE_TEST_PICTURES").map(PathBuf::from)
}

async fn pictures(browser: &mut Browser) -> Outcome<()> {
    for scheme in ["dark", "light"] {
        browser.scheme(scheme).await?;
        let ground = browser.ask("getComputedStyle(document.body).backgroundColor").await?;
        let expected = if scheme == "dark" { "rgb(15, 21, 27)" } else { "rgb(244, 246, 248)" };
        if ground != expected {
            return Err(format!("{scheme}: the page's ground is {ground}").into());
        }
        let faint = browser.ask(FAINT_TEXT).await?;
        if faint != "" {
            return Err(format!("{scheme}: text is hard to read: {faint}").into());
        }
        if let Some(dir) = pictures_to() {
            browser.picture(&dir.join(format!("console-{scheme}.png"))).await?;
        }
    }
    Ok(())
}

/// Pause by a click, resume by the keyboard alone; nothing from elsewhere.
async fn buttons(worker: &Worker, browser: &mut Browser) -> Outcome<()> {
    browser.ask("document.querySelector('[data-action=pause]').click()").await?;
    worker.rest.wait_state("pg-connector", "PAUSED").await?;
    browser
        .until(
            "the pause is shown",
            "document.querySelector('h2 ~ .state').textContent.includes('PAUSED')",
        )
        .await?;
    browser.until("the pause is said", "document.querySelector('#said').textContent.includes('pause of pg-connector: asked for')").await?;
    browser.ask("document.querySelector('.skip').focus()").await?;
    let mut reached = false;
    for _ in 0..12 {
        browser.press("Tab", 9, "").await?;
        if browser.ask("document.activeElement?.dataset.action === 'resume'").await? == true {
            reached = true;
            break;
        }
    }
    if !reached {
        return Err("Resume cannot be reached by the Tab key".into());
    }
    browser.press("Enter", 13, "\r").await?;
    worker.rest.wait_state("pg-connector", "RUNNING").await?;
    browser
        .ask(
            "document.querySelector('[data-action=snapshot][data-table=\"public.users\"]').click()",
        )
        .await?;
    deadline("users are read again", Duration::from_secs(30), async || {
        let seen = state(worker).await.map_err(|error| error.to_string())?;
        let reads = &seen["connectors"][0]["live"]["counters"]["reads"];
        if reads == 1000 {
            Ok(())
        } else {
            Err(format!("{reads} rows read, {}", seen["connectors"][0]["live"]["recent"][0]))
        }
    })
    .await?;
    for (method, path) in [
        ("POST", "/ui/connectors/pg-connector/pause"),
        ("POST", "/ui/connectors/pg-connector/snapshot"),
    ] {
        let reply = worker.rest.send(method, path, Some(&json!({"table": "public.users"}))).await?;
        if reply.status != 403 {
            return Err(format!("{path} from elsewhere: {} {}", reply.status, reply.body).into());
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn names_and_keys_are_text_and_nothing_else() {
    lab::test("console_names", 1, async |sandbox| {
        let Some(mut browser) = Browser::open("names").await? else { return Ok(()) };
        let nasty = "<img src=x onerror=alert(1)>";
        sandbox.sql(&format!("CREATE TABLE \"{nasty}\" (id text PRIMARY KEY)")).await?;
        let mut worker = Worker::new(sandbox, "console", &[("walbridge.ui.values", "true")])?;
        worker.start().await?;
        let config = config_with(sandbox, json!({"name": nasty, "topic.prefix": sandbox.id}));
        put(&worker, "%3Cimg%20src=x%20onerror=alert(1)%3E", &config).await?;
        sandbox.wait_streaming().await?;
        sandbox.sql(&format!("INSERT INTO \"{nasty}\" VALUES ('</td><script>alert(2)</script>')")).await?;
        browser.go(&format!("http://{}/ui", worker.rest.authority())).await?;
        browser.until("the record is shown", "document.querySelector('td.key')?.textContent.includes('<script>alert(2)') === true").await?;
        browser.until("the value is shown", "document.querySelector('td details pre')?.textContent.includes('<script>alert(2)') === true").await?;
        let title = browser.ask("document.querySelector('main h2').textContent").await?;
        let strange = browser.ask("document.querySelectorAll('main img, main script').length").await?;
        if title != nasty || strange != 0 {
            return Err(format!("{title}: {strange} elements of others").into());
        }
        let disabled = browser.ask("[...document.querySelectorAll('[data-action=snapshot]')].every((button) => button.disabled)").await?;
        if disabled != true {
            return Err("a snapshot can be asked for although the connector listens for no signal".into());
        }
        browser.ask("document.querySelector('[data-action=pause]').click()").await?;
        deadline("paused", Duration::from_secs(30), async || {
            let seen = state(&worker).await.map_err(|error| error.to_string())?;
            let state = &seen["connectors"][0]["state"];
            if state == "PAUSED" { Ok(()) } else { Err(seen.to_string()) }
        })
        .await?;
        failure(sandbox, &worker, &mut browser).await?;
        browser.close().await
    })
    .await;
}

/// A connector that fails is told with its error, also from another one's page.
async fn failure(sandbox: &Sandbox, worker: &Worker, browser: &mut Browser) -> Outcome<()> {
    let id = format!("{}_broken", sandbox.id);
    let broken = json!({
        "topic.prefix": id, "slot.name": id, "publication.name": id, "publication.autocreate.mode": "disabled",
    });
    put(worker, "broken", &config_with(sandbox, broken)).await?;
    browser.until("the title counts it", "document.title.startsWith('(1 failed)')").await?;
    browser.ask("location.hash = '#broken'").await?;
    let told = "document.querySelector('.error p')?.textContent.includes('Publication autocreation is disabled') === true";
    browser.until("the error is told", told).await?;
    if let Some(dir) = pictures_to() {
        browser.picture(&dir.join("console-failed.png")).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn console_is_off_if_the_worker_says_so() {
    lab::test("console_off", 0, async |sandbox| {
        let mut worker = Worker::new(sandbox, "console", &[("walbridge.ui", "false")])?;
        worker.start().await?;
        let reply = worker.rest.get("/ui").await?;
        if reply.status == 404 { Ok(()) } else { Err(format!("GET /ui: {}", reply.status).into()) }
    })
    .await;
}
