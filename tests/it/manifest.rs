//! Manifests, from the file to what serves: the examples, what `init` writes, and what is not said.

use std::fs;
use std::path::{Path, PathBuf};

use aws_sim::policy::Policy;
use ecsup::cli::Exit;
use ecsup::cli::rehearse::{add_existing_network, in_virtual_time};
use ecsup::spec::Spec;
use ecsup::wish::{FileFlags, ServiceFlags, Wish, schema};
use serde_json::Value;
use tempfile::TempDir;

use crate::goal::existing_network::misplaced;
use crate::goal::scaling::unscaled;
use crate::many::check_requests_in;
use crate::proofs::{CLOSED, IN_ECR, STACKS, ids, no_defects, nothing_denied, nothing_left};
use crate::stage::{done, usual};

/// The examples, and the flags that they need beside them.
const EXAMPLES: &[(&str, &[&str])] = &[
    ("hello.toml", &[]),
    ("hosts.toml", &[]),
    ("public-and-internal.toml", &[]),
    ("workers.toml", &[]),
    ("own-domain.toml", &[]),
    ("https.toml", &[]),
    ("secrets.toml", &[]),
    ("closed.toml", &[]),
    ("scaling.toml", &[]),
    ("spot.toml", &[]),
    ("sidecars.toml", &[]),
    ("existing-network.toml", &[]),
    ("discovery.toml", &[]),
    ("environments.toml", &["--environment", "staging", "--image", ":3f2a1c"]),
];

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name)
}

/// A folder with a manifest in it.
pub fn written(text: &str) -> (TempDir, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ecsup.toml");
    fs::write(&path, text).expect("a file");
    let path = path.display().to_string();
    (folder, path)
}

/// What a manifest asks for.
pub fn spec(path: &str) -> Spec {
    let manifest = FileFlags { file: Some(path.into()), ..FileFlags::default() };
    let flags = ServiceFlags { manifest, ..ServiceFlags::default() };
    Wish::read(&flags, Path::new(""), &|_| None).check().expect("a manifest without mistakes")
}

#[test]
fn every_example_is_there_and_played() {
    let mut there: Vec<_> =
        fs::read_dir(example("")).unwrap().map(|it| it.unwrap().file_name()).collect();
    there.sort();
    let mut played: Vec<_> = EXAMPLES.iter().map(|(name, _)| *name).collect();
    played.sort_unstable();
    assert_eq!(there, played);
}

#[test]
fn every_example_is_deployed_serves_stays_and_goes() {
    for (seed, (name, flags)) in (0..).zip(EXAMPLES) {
        in_virtual_time(seed, async || {
            let stage = usual(seed);
            let region = if flags.is_empty() { "us-east-1" } else { "eu-central-1" };
            // Each region has its default VPC from the moment on at which somebody looks.
            stage.cloud.world(|world| world.enter(region));
            let path = example(name).display().to_string();
            let deploy = [&["deploy", "--yes", "--file", &path], *flags].concat();
            let mut said = ServiceFlags {
                manifest: FileFlags { file: Some(path.clone().into()), ..FileFlags::default() },
                ..ServiceFlags::default()
            };
            if let [_, environment, _, image] = flags {
                said.manifest.environment = Some((*environment).to_owned());
                said.image.push((*image).to_owned());
            }
            let spec = Wish::read(&said, Path::new(""), &|_| None).check().unwrap();
            add_existing_network(&stage.cloud, &spec, region);
            for zone in spec.ingresses().filter_map(|(_, it)| it.existing_zone.as_ref()?.name()) {
                stage.cloud.world(|world| aws_sim::route53::add_zone(world, zone, None));
            }
            for arn in spec
                .ingresses()
                .filter_map(|(_, it)| it.tls.as_ref())
                .flat_map(|it| &it.certificates)
            {
                let hosts = ["*.example.com", "example.com"];
                stage.cloud.world(|world| aws_sim::acm::add_as(world, arn, &hosts, "ISSUED"));
            }
            crate::secrets::make_for(&stage.cloud, &spec).await;
            // Nothing is allowed but what is printed for the manifest.
            let environment = flags.get(..2).unwrap_or_default();
            let print = ["permissions", "--region", region, "--file", &path];
            let policy = done(&stage, &[&print[..], environment].concat()).await.recording.out;
            stage.cloud.set_policy(Policy::parse(&policy.join("\n")).unwrap());
            let before = ids(&stage.cloud);
            done(&stage, &deploy).await;
            check_requests_in(&stage.cloud, &spec, region);
            let unscaled = stage.cloud.world(|world| {
                world.enter(region);
                world.once_caught_up(|world| unscaled(world, &spec))
            });
            assert_eq!(unscaled, [""; 0], "{name}");
            let misplaced = stage.cloud.world(|world| {
                world.enter(region);
                world.once_caught_up(|world| misplaced(world, &spec))
            });
            assert_eq!(misplaced, [""; 0], "{name}");
            let again = done(&stage, &deploy).await;
            assert_eq!(again.changes(), [""; 0], "{name}");
            let stack = spec.stack.to_string();
            done(&stage, &["--region", region, "destroy", "--yes", &stack]).await;
            no_defects(&stage.cloud).unwrap();
            nothing_denied(&stage.cloud).unwrap();
            nothing_left(&stage.cloud, &before).unwrap();
        });
    }
}

/// The manifests that stand in the documents, between ```toml and ```.
fn in_documents() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for path in [
        "README.md",
        "docs/manifest.md",
        "docs/secrets.md",
        "docs/scaling.md",
        "docs/capacity.md",
        "docs/sidecars.md",
        "docs/releases.md",
        "docs/network.md",
    ] {
        let text = fs::read_to_string(root.join(path)).expect("a document");
        for block in text.split("```toml\n").skip(1) {
            let (block, _) = block.split_once("```").expect("the block ends");
            found.push((path.to_owned(), block.to_owned()));
        }
    }
    assert!(found.len() > 2, "no manifests are shown");
    found
}

#[test]
fn the_readme_leads_with_two_of_the_examples() {
    let read = |text: &str| toml::from_str::<toml::Value>(text).unwrap();
    let shown: Vec<_> = in_documents().iter().map(|(_, text)| read(text)).take(2).collect();
    let played =
        ["hello.toml", "hosts.toml"].map(|name| read(&fs::read_to_string(example(name)).unwrap()));
    assert_eq!(shown, played);
}

#[test]
fn the_schema_is_the_one_that_is_checked_in_and_every_manifest_keeps_to_it() {
    let checked_in = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/ecsup.schema.json");
    let checked_in: Value = serde_json::from_str(&fs::read_to_string(checked_in).unwrap()).unwrap();
    assert_eq!(checked_in, schema(), "`ecsup schema > docs/ecsup.schema.json` writes it anew");

    let mut schemas = boon::Schemas::new();
    let mut compiler = boon::Compiler::new();
    compiler.add_resource("ecsup.json", checked_in).unwrap();
    let index = compiler.compile("ecsup.json", &mut schemas).unwrap();
    let keeps = |text: &str| -> Result<(), String> {
        let value: toml::Value = toml::from_str(text).map_err(|error| error.to_string())?;
        let value = serde_json::to_value(value).map_err(|error| error.to_string())?;
        schemas.validate(&value, index).map_err(|error| error.to_string())
    };
    let examples = EXAMPLES.iter().map(|(name, _)| fs::read_to_string(example(name)).unwrap());
    let documents = in_documents().into_iter().map(|(_, text)| text);
    for text in examples.chain(documents) {
        keeps(&text).unwrap_or_else(|why| panic!("{why}\n{text}"));
    }
    let base = "stack = \"shop\"\npattern = \"fargate-api\"\n[service.web]\nimage = \"web:1\"\n";
    keeps(base).unwrap();
    for mistake in
        ["cpus = 512", "cpu = 0.25", "ingress = \"private\"", "hosts = \"a.com\"", "secrets = 1"]
    {
        assert!(keeps(&format!("{base}{mistake}\n")).is_err(), "{mistake}");
    }
}

#[test]
fn what_runs_is_written_as_a_manifest_that_changes_nothing() {
    const MORE: &[&[&str]] = &[
        &[],
        &["--count", "3", "--cpu", "512", "--memory", "1024", "--port", "8080", "--env", "A=b${c}"],
        &["--allow", "10.1.0.0/16,192.0.2.0/24", "--health-path", "/up", "--tag", "team=shop"],
        &["--zone", "in.example.com", "--host", "api.in.example.com"],
    ];
    let cases = STACKS.iter().flat_map(|stack| MORE.iter().map(move |more| (*stack, *more)));
    let cases = cases.chain(CLOSED.iter().map(|stack| (*stack, MORE[1])));
    for (seed, (flags, more)) in (0..).zip(cases) {
        if flags.contains(&"--host") && more.contains(&"--host") || flags.contains(&"--no-dns") {
            continue;
        }
        in_virtual_time(seed, async || {
            let stage = usual(seed);
            done(&stage, &[&["deploy", "--yes"], flags, more].concat()).await;
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("ecsup.toml").display().to_string();
            let stack = flags[1];
            done(&stage, &["init", "--from", stack, "--file", &path]).await;
            let planned = stage.play(&["plan", "--exit-code", "--file", &path]).await;
            let text = fs::read_to_string(&path).unwrap();
            assert_eq!(planned.exit, Exit::Done, "{flags:?} {more:?}\n{}\n{text}", planned.said());
            let again = stage.play(&["init", "--from", stack, "--file", &path]).await;
            assert_eq!(again.exit, Exit::Refused);
        });
    }
}

/// Of two load balancers, each has its own zone or none; and what answers to unknown hosts is kept.
#[test]
fn what_several_services_share_is_written_as_it_is() {
    for (file, stack) in [("public-and-internal.toml", "shop"), ("hosts.toml", "main")] {
        in_virtual_time(1, async || {
            let stage = usual(1);
            let path = example(file).display().to_string();
            done(&stage, &["deploy", "--yes", "--file", &path]).await;
            let folder = tempfile::tempdir().unwrap();
            let again = folder.path().join("ecsup.toml").display().to_string();
            done(&stage, &["init", "--from", stack, "--file", &again]).await;
            let planned = stage.play(&["plan", "--exit-code", "--file", &again]).await;
            let text = fs::read_to_string(&again).unwrap();
            assert_eq!(planned.exit, Exit::Done, "{}\n{text}", planned.said());
        });
    }
}

const WORKER: &[&str] = &["--pattern", "internal-worker"];

/// What somebody leaves out by mistake, with what it was: nothing of it goes back to a default by itself.
#[test]
fn what_is_not_said_again_does_not_go_back_to_a_default() {
    const LEFT_OUT: &[(&[&str], &str)] = &[
        (&["--allow", "10.1.0.0/16"], "--allow 10.1.0.0/16 → 10.0.0.0/16"),
        (&["--count", "5"], "--count 5 → 2"),
        (&["--env", "LEVEL=info"], "--env LEVEL (removed)"),
        (&["--cpu", "512"], "--cpu 512 → 256"),
        (&["--nat", "single"], "--nat single → per-zone"),
        (&["--endpoints", "s3"], "--endpoints s3 (removed)"),
        (&["--endpoints", "sqs,ecr.api"], "--endpoints ecr.api,sqs (removed)"),
        (
            &["--nat", "none", "--endpoints", "required,sqs", "--image", IN_ECR],
            "--nat none → per-zone",
        ),
        (&["--instance-type", "c5.2xlarge"], "--instance-type c5.2xlarge → c5.xlarge"),
        (&["--max-size", "7"], "--max-size 7 → 100"),
        (&["--zone", "in.example.com"], "--zone in.example.com → internal-worker.internal"),
        (&["--service", "shop"], "--service shop → worker"),
    ];
    for (seed, (flags, told)) in (0..).zip(LEFT_OUT) {
        in_virtual_time(seed, async || {
            let stage = usual(seed);
            let deploy = [&["deploy", "--yes"], WORKER].concat();
            done(&stage, &[&deploy, *flags].concat()).await;
            let refused = stage.play(&deploy).await;
            assert_eq!(refused.exit, Exit::Refused, "{}", refused.said());
            assert!(refused.said().contains(told), "{told}\n{}", refused.said());
            assert_eq!(refused.changes(), [""; 0]);
            // Asked about, a No keeps it.
            let asked = [&["deploy"], WORKER].concat();
            let kept = stage.play_answering(&asked, &["n"]).await;
            assert_eq!(kept.exit, Exit::Done, "{}", kept.said());
            assert_eq!(kept.changes(), [""; 0], "{}", kept.said());
        });
    }
}

#[test]
fn an_image_stays_that_is_not_said_again() {
    in_virtual_time(1, async || {
        let stage = usual(1);
        let deploy = [&["deploy", "--yes"], WORKER].concat();
        done(&stage, &[&deploy[..], &["--image", "httpd:2.4"]].concat()).await;
        let again = done(&stage, &deploy).await;
        assert_eq!(again.changes(), [""; 0], "{}", again.said());
        assert!(again.said().contains("the image httpd:2.4 of worker stays"), "{}", again.said());
        let tagged = done(&stage, &[&deploy[..], &["--image", ":2.5"]].concat()).await;
        assert!(tagged.changes().contains(&"RegisterTaskDefinition"), "{}", tagged.said());
        let kept = done(&stage, &[&deploy[..], &["--image", "httpd:2.5"]].concat()).await;
        assert_eq!(kept.changes(), [""; 0], "{}", kept.said());
    });
}

#[test]
fn a_service_and_a_zone_go_only_by_their_names() {
    const TWO: &str = "stack = \"demo\"\npattern = \"internal-worker\"\n[service.a]\nimage = \"nginx\"\n[service.b]\nimage = \"nginx\"\n";
    const ONE: &str = "stack = \"demo\"\npattern = \"internal-worker\"\n[ingress.internal]\nunknown = 404\n[service.a]\nimage = \"nginx\"\nhosts = [\"a.demo.internal\"]\n";
    in_virtual_time(1, async || {
        let stage = usual(1);
        let ((_one, two), (_other, one)) = (written(TWO), written(ONE));
        done(&stage, &["deploy", "--yes", "--file", &two]).await;
        let refused = stage.play(&["deploy", "--yes", "--file", &one]).await;
        assert_eq!(refused.exit, Exit::Refused);
        assert!(
            refused.said().contains("the service `b` is not asked for any more"),
            "{}",
            refused.said()
        );
        assert_eq!(refused.changes(), [""; 0]);
        let other = stage.play_answering(&["deploy", "--file", &one], &["a"]).await;
        assert_eq!((other.exit, other.changes().len()), (Exit::Refused, 0), "{}", other.said());
        done(&stage, &["deploy", "--yes", "--file", &one, "--remove", "b"]).await;
        // EC2 shows for some seconds what is gone.
        tokio::time::sleep(std::time::Duration::from_secs(10)).await;
        let services = stage.play(&["plan", "--exit-code", "--file", &one]).await;
        assert_eq!(services.exit, Exit::Done, "{:?}", services.recording.out);
        let without = [&["deploy", "--yes", "--file", &one[..]], &["--no-dns"][..]].concat();
        let refused = stage.play(&without).await;
        assert!(refused.said().contains("--remove demo.internal"), "{}", refused.said());
    });
}

/// A second service does not take the first one's requests away by itself.
#[test]
fn a_second_service_reroutes_nothing_that_was_not_asked_for() {
    const ONE: &str =
        "stack = \"demo\"\npattern = \"internal-worker\"\n[service.a]\nimage = \"nginx\"\n";
    const TWO: &str = "[service.b]\nimage = \"nginx\"\n";
    in_virtual_time(1, async || {
        let stage = usual(1);
        let (_folder, path) = written(ONE);
        let deploy = ["deploy", "--yes", "--file", &path];
        done(&stage, &deploy).await;
        fs::write(&path, format!("{ONE}{TWO}")).unwrap();
        let refused = stage.play(&deploy).await;
        assert_eq!((refused.exit, refused.changes().len()), (Exit::Refused, 0));
        assert!(
            refused.said().contains("ingress.internal.unknown is not said"),
            "{}",
            refused.said()
        );
        fs::write(&path, format!("{ONE}{TWO}[ingress.internal]\nunknown = \"a\"\n")).unwrap();
        let added = done(&stage, &deploy).await;
        assert!(!added.changes().contains(&"ModifyListener"), "{}", added.said());
        let again = done(&stage, &deploy).await;
        assert_eq!(again.changes(), [""; 0]);
    });
}

#[test]
fn credentials_of_another_account_are_refused() {
    in_virtual_time(1, async || {
        let stage = usual(1);
        let (_folder, path) = written(
            "stack = \"shop\"\npattern = \"fargate-api\"\naccount = \"111111111111\"\n\n[service.web]\nimage = \"web:1\"\n",
        );
        let refused = stage.play(&["deploy", "--yes", "--file", &path]).await;
        let said = refused.said().replace(&path, "ecsup.toml");
        insta::assert_snapshot!(said, @r#"
        waiting for simulated to answer (who is calling, and what is there)
        error: ecsup.toml:3:11: account `111111111111`: the credentials are of 123456789012 (user/rehearsal)
          3 │ account = "111111111111"
            │           ──────────────
        hint: nothing was changed
        "#);
        assert_eq!((refused.exit, refused.changes().len()), (Exit::Refused, 0));
    });
}

/// The file is the truth: what it does not say any more goes back to its default, and the plan says so.
#[test]
fn what_goes_back_to_its_default_is_told() {
    in_virtual_time(3, async || {
        let stage = usual(3);
        let (_folder, path) = written(
            "stack = 's'\npattern = 'internal-worker'\n[logs]\nretention_days = 90\n[capacity]\n\
             volume_gib = 80\n[service.a]\nimage = 'a:1'\ncount = 5\nhealth.path = '/up'\n",
        );
        let deploy = ["deploy", "--yes", "--file", &path];
        let first = stage.play(&deploy).await;
        assert!(!first.said().contains("(default)"), "{}", first.said());
        assert_eq!(stage.play(&deploy).await.changes(), [""; 0]);
        fs::write(
            &path,
            "stack = 's'\npattern = 'internal-worker'\n[service.a]\nimage = 'a:1'\n[defaults]\n\
             health.path = '/up'\n",
        )
        .unwrap();
        let plan = stage.play(&["plan", "--file", &path]).await.said();
        for told in [
            "capacity.volume_gib 80 → 50 (default)",
            "logs.retention_days 90 → 30 (default)",
            "service.a.count 5 → 2 (default)",
        ] {
            assert!(plan.contains(told), "{told}: {plan}");
        }
        assert_eq!(plan.matches("(default)").count(), 3, "{plan}");
        let refused = stage
            .play(&["deploy", "--yes", "--no-file", "--pattern", "internal-worker", "--stack", "s"])
            .await;
        assert!(refused.said().contains("retention_days 90 → 30"), "{}", refused.said());
        assert_eq!(stage.play(&deploy).await.exit, Exit::Done);
        assert_eq!(stage.play(&deploy).await.changes(), [""; 0]);
    });
}

#[test]
fn a_size_and_a_time_that_aws_does_not_have_are_refused() {
    in_virtual_time(4, async || {
        for (more, why) in [
            ("[capacity]\nvolume_gib = 8", "30 to 16384"),
            (
                "[logs]\nretention_days = 31",
                "is not one of those that CloudWatch Logs has: 1, 3, 5",
            ),
        ] {
            let (_folder, path) = written(&format!(
                "stack = 's'\npattern = 'internal-worker'\n{more}\n[service.a]\nimage = 'a:1'\n"
            ));
            let played = usual(4).play(&["plan", "--file", &path]).await;
            assert_eq!((played.exit, played.calls.len()), (Exit::Refused, 0), "{}", played.said());
            assert!(played.said().contains(why), "{why}: {}", played.said());
        }
    });
}
