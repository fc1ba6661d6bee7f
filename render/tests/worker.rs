//! Output of a worker, and its reaction to templates that take too much.

use anyhow::{Context, Result};
use fleet_core::app::{AppDefinition, Bundle, CheckedValues, Placement};
use fleet_render::{HostUse, RenderError, Renderer};

const COMPOSE: &str = "services: { web: { image: \"notes:1\" } }\n";
const APP: &str = "app: notes
values:
  n: { type: integer, default: 1 }
  password: { type: string, secret: true, required: true }
templates: [{ from: a.j2, to: a }, { from: b.j2, to: b }]
";

fn bundle(template: &str) -> Result<Bundle> {
    let files =
        [("app.yaml", APP), ("compose.yaml", COMPOSE), ("a.j2", "fine {{ values.password }}"), ("b.j2", template)];
    Ok(Bundle::new(files.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec())).into())?)
}

fn values(bundle: &Bundle, n: &str) -> Result<CheckedValues> {
    let definition = AppDefinition::of(bundle).ok().context("the definition is good")?;
    let given = [("n", n), ("password", "hunter2")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    CheckedValues::check(&definition.values, &given.into()).ok().context("they are good")
}

fn placement(instance: &str) -> Result<Placement> {
    let (instance, host, version) = (instance.parse()?, "lab-1".parse()?, "1".parse()?);
    Ok(Placement { instance, host, version, working_dir: "/srv/notes-1".to_owned() })
}

fn renderer() -> Renderer {
    Renderer::new(Some(env!("CARGO_BIN_EXE_fleet-render-worker").into()))
}

#[tokio::test]
async fn a_worker_renders_what_this_process_would_render() -> Result<()> {
    let bundle = bundle("n is {{ values.n }}")?;
    let (values, placement) = (values(&bundle, "3")?, placement("notes-1")?);
    let here = Renderer::in_this_process().render(&bundle, &values, &placement).await?;
    assert_eq!(renderer().render(&bundle, &values, &placement).await?, here);
    let report = renderer().lint(&bundle, None).await?;
    assert_eq!(report, fleet_core::app::lint(&bundle, None));
    assert_eq!(renderer().images(&bundle, &values, &placement).await?, ["notes:1"]);
    Ok(())
}

async fn refused(template: &str) -> Result<String> {
    let bundle = bundle(template)?;
    let found = renderer().render(&bundle, &values(&bundle, "100000")?, &placement("notes-1")?).await;
    let Err(RenderError::Refused(problems)) = found else { anyhow::bail!("{found:?}") };
    // Lint meets it as a problem of the bundle, with the defaults of its values.
    Ok(problems.to_string())
}

#[tokio::test]
async fn a_template_that_takes_too_much_is_refused_by_its_name() -> Result<()> {
    let written = "{% for i in range(values.n) %}{{ \"x\" * 1000000 }}{% endfor %}";
    assert_eq!(refused(written).await?, "b.j2: the template makes more than 4 MiB");
    let memory = "b.j2: rendering takes more than 256 MiB of memory";
    let doubled = "{% set all = namespace(text=\"x\") %}{% for i in range(60) %}{% set all.text = all.text ~ all.text %}{% endfor %}";
    assert_eq!(refused(doubled).await?, memory);
    let kept = "{% set all %}{% for i in range(1000) %}{{ \"x\" * 1000000 }}{% endfor %}{% endset %}";
    assert_eq!(refused(kept).await?, memory);
    let listed = "{% set all = namespace(list=[]) %}{% for i in range(1000) %}\
        {% set all.list = all.list + [\"x\" * 1000000 ~ i] %}{% endfor %}";
    assert_eq!(refused(listed).await?, memory);
    Ok(())
}

#[tokio::test]
async fn a_bundle_that_takes_too_much_does_not_pass_the_lint() -> Result<()> {
    let bundle = bundle("{% set all %}{% for i in range(1000) %}{{ \"x\" * 1000000 }}{% endfor %}{% endset %}")?;
    let report = renderer().lint(&bundle, None).await?;
    assert_eq!(report.problems.to_string(), "b.j2: rendering takes more than 256 MiB of memory");
    Ok(())
}

#[tokio::test]
async fn a_session_goes_on_after_a_template_that_ended_its_worker() -> Result<()> {
    let (good, bad) = (
        bundle("n is {{ values.n }}")?,
        bundle("{{ (\"x\" * 100000000) ~ (\"y\" * 100000000) ~ (\"x\" * 100000000) }}")?,
    );
    let mut session = renderer().session().await?;
    for (bundle, is_fine) in [(&good, true), (&bad, false), (&good, true)] {
        let found = session.render(bundle, &values(bundle, "1")?, &placement("notes-1")?).await;
        assert_eq!(found.is_ok(), is_fine, "{found:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_hundred_instances_are_rendered_by_one_worker() -> Result<()> {
    let bundle = bundle("n is {{ values.n }}")?;
    let renderer = renderer();
    let mut session = renderer.session().await?;
    for number in 0..100 {
        let rendered = session.render(&bundle, &values(&bundle, "3")?, &placement(&format!("notes-{number}"))?).await?;
        assert_eq!(rendered.spec.instance.to_string(), format!("notes-{number}"));
    }
    Ok(())
}

#[tokio::test]
async fn a_worker_renders_the_bundle_of_the_request_and_not_of_the_one_before() -> Result<()> {
    let bundles = [bundle("n is {{ values.n }}")?, bundle("n was {{ values.n }}")?];
    let (renderer, placement) = (renderer(), placement("notes-1")?);
    let mut session = renderer.session().await?;
    for bundle in [&bundles[0], &bundles[1], &bundles[1], &bundles[0]] {
        let values = values(bundle, "3")?;
        let here = Renderer::in_this_process().render(bundle, &values, &placement).await?;
        assert_eq!(session.render(bundle, &values, &placement).await?, here);
        assert_eq!(session.host_use(bundle, &values, &placement).await?, HostUse::of(&here));
    }
    Ok(())
}
