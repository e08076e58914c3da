use super::*;
use crate::resource::target_group::HealthCheck;

fn health(path: &str, status: &str) -> HealthCheck {
    HealthCheck {
        path: path.to_owned(),
        port: "traffic-port".to_owned(),
        status: status.to_owned(),
        interval: 10,
        timeout: 5,
        healthy: 2,
        unhealthy: 3,
    }
}

fn balancer(scheme: Scheme, allow: &[&str]) -> RunningBalancer {
    RunningBalancer {
        scheme,
        allow: allow.iter().map(|it| (*it).to_owned()).collect(),
        existing_zone: None,
        idle_timeout: None,
        certificates: Vec::new(),
        tls_policy: None,
        http: None,
        unknown: None,
        answer: None,
    }
}

fn service(scheme: Scheme) -> RunningService {
    RunningService {
        schemes: [scheme].into(),
        health: Some(health("/health", "200")),
        ..RunningService::default()
    }
}

fn running(scheme: Scheme, allow: &[&str], service: RunningService) -> Running {
    Running {
        vpc_cidr: Some("10.0.0.0/16".to_owned()),
        balancers: vec![balancer(scheme, allow)],
        services: [("api".to_owned(), service)].into(),
        ..Running::default()
    }
}

/// What is asked, a line for each.
fn asked(running: &Running, scheme: Scheme) -> (Vec<String>, Vec<String>) {
    let names = Ways {
        balancers: vec![(scheme, "lb.elb.amazonaws.com")],
        namespace: Some("demo.local"),
        place: "api",
    };
    let checks = Checks::of(running, &names);
    let line = |Check { from, url, wanted, .. }: &Check| {
        let through = url.through.as_deref().map(|it| format!(" through {it}"));
        format!("{from} {url}{}: {wanted:?}", through.unwrap_or_default())
    };
    (checks.asked.iter().map(line).collect(), checks.unasked)
}

#[test]
fn an_internal_service_is_asked_by_both_names_and_from_here_by_nobody() {
    let it =
        RunningService { names: ["api.internal".to_owned()].into(), ..service(Scheme::Internal) };
    let (asked, unasked) =
        asked(&running(Scheme::Internal, &["10.0.0.0/16"], it), Scheme::Internal);
    assert_eq!(
        asked,
        [
            "inside http://lb.elb.amazonaws.com/health: Status(\"200\")",
            "inside http://api.internal/health: Status(\"200\")",
            "here http://lb.elb.amazonaws.com/: Nothing",
        ]
    );
    assert!(unasked.is_empty(), "{unasked:?}");
}

#[test]
fn a_rule_is_asked_for_by_its_host_and_a_path_that_it_takes() {
    let it = RunningService {
        rules: [["*.shop.example".to_owned()].into(), ["/api/*".to_owned()].into()],
        ..service(Scheme::InternetFacing)
    };
    let mut running = running(Scheme::InternetFacing, &[ANYWHERE], it);
    running.balancers[0].tls_policy = Some("a policy".to_owned());
    let (told, _) = asked(&running, Scheme::InternetFacing);
    let one = "https://x.shop.example/api/ through lb.elb.amazonaws.com: Answer";
    assert_eq!(told, [format!("inside {one}"), format!("here {one}")]);
    running.balancers[0].allow = ["203.0.113.0/24".to_owned()].into();
    let (told, unasked) = asked(&running, Scheme::InternetFacing);
    assert_eq!(told, [format!("here {one}")]);
    assert_eq!(unasked, ["the public load balancer from inside: it lets in 203.0.113.0/24 alone"]);
}

#[test]
fn who_has_a_name_of_its_own_is_asked_by_somebody_who_may() {
    let own = crate::facts::RunningContainer { port: Some(8080), ..Default::default() };
    let it = RunningService {
        callers: Some(Some(["shop".to_owned()].into())),
        own,
        ..RunningService::default()
    };
    let named = running(Scheme::Internal, &[], it);
    let names = Ways { balancers: Vec::new(), namespace: Some("demo.local"), place: "api" };
    let checks = Checks::of(&named, &names);
    assert_eq!(checks.places(), BTreeSet::from(["shop"]));
    assert_eq!(checks.asked[0].url.to_string(), "http://api.demo.local:8080/");
    let nobodys = running(Scheme::Internal, &[], RunningService::default());
    assert_eq!(Checks::of(&nobodys, &names).unasked, ["service api: nobody sends it requests"]);
}

#[test]
fn what_comes_is_judged_by_what_is_wanted() {
    let answer = |status| Came::Answer { status, head: String::new() };
    let nobody = Came::Nobody("no connection".to_owned());
    let other = Came::Other("an empty reply".to_owned());
    let status = Wanted::Status("200,301-303".to_owned());
    for (wanted, came, is_right) in [
        (&status, answer(200), true),
        (&status, answer(302), true),
        (&status, answer(404), false),
        (&status, nobody.clone(), false),
        (&status, other.clone(), false),
        (&Wanted::Answer, answer(404), true),
        (&Wanted::Answer, answer(503), false),
        (&Wanted::Listener, other.clone(), true),
        (&Wanted::Listener, nobody.clone(), false),
        (&Wanted::Nothing, nobody, true),
        (&Wanted::Nothing, answer(503), false),
        (&Wanted::Nothing, other, false),
    ] {
        assert_eq!(judge(wanted, &came).is_ok(), is_right, "{wanted:?} {came:?}");
    }
}

#[test]
fn curl_says_what_came_of_each_request() {
    let lines = [
        "HTTP/1.1 200 OK",
        "Content-Type: text/html",
        "<h1>Welcome</h1>",
        "m4rk 0 0 200 ",
        "curl: (28) Connection timed out after 5001 milliseconds",
        "m4rk 1 28 000 Connection timed out after 5001 milliseconds",
        "curl: (52) Empty reply from server",
        "m4rk 2 52 000 Empty reply from server",
        "m4rk not one of ours",
    ];
    let lines: Vec<_> = lines.iter().map(|it| (*it).to_owned()).collect();
    assert_eq!(
        curl::read(&lines, "m4rk"),
        [
            (0, Came::Answer { status: 200, head: "<h1>Welcome</h1>".to_owned() }),
            (1, Came::Nobody("Connection timed out after 5001 milliseconds".to_owned())),
            (2, Came::Other("Empty reply from server".to_owned())),
        ]
    );
}

#[test]
fn curl_is_told_to_ask_the_load_balancer_in_the_name_of_a_host() {
    let url = Url {
        scheme: "https",
        host: "api.example.com".to_owned(),
        port: 443,
        path: "/".to_owned(),
        through: Some("lb.elb.amazonaws.com".to_owned()),
    };
    let (service, from) = (None, Sender::Here);
    let check = Check { service, from, url, wanted: Wanted::Answer };
    let words = curl::arguments(&[&check, &check], "m4rk").join(" ");
    let both = "--connect-to ::lb.elb.amazonaws.com:443 --url https://api.example.com/";
    assert_eq!(words.matches(both).count(), 2, "{words}");
    assert_eq!(words.matches("--next").count(), 1, "{words}");
}

/// Somebody on this machine who answers one connection with this.
fn somebody(answer: &'static [u8]) -> u16 {
    use std::io::{Read as _, Write as _};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let (mut connection, _) = listener.accept().unwrap();
        let _ = connection.read(&mut [0; 4096]);
        let _ = connection.write_all(answer);
    });
    port
}

async fn from_here(scheme: &'static str, port: u16) -> Came {
    use outside::Outside as _;
    let (host, path) = ("api.example.invalid".to_owned(), "/up".to_owned());
    let url = Url { scheme, host, port, path, through: Some("127.0.0.1".to_owned()) };
    outside::ThisMachine.ask(&url).await
}

#[tokio::test]
async fn this_machine_asks_in_the_name_of_a_host() {
    let answer = b"HTTP/1.1 301 Moved\r\nlocation: /\r\ncontent-length: 6\r\n\r\nhello\n";
    let came = from_here("http", somebody(answer)).await;
    assert_eq!(came, Came::Answer { status: 301, head: "hello".to_owned() });
    let other = from_here("http", somebody(b"SSH-2.0-OpenSSH\r\n")).await;
    assert!(matches!(other, Came::Other(_)), "{other:?}");
    let plain = from_here("https", somebody(answer)).await;
    assert!(matches!(plain, Came::Other(_)), "{plain:?}");
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = gone.local_addr().unwrap().port();
    drop(gone);
    let nobody = from_here("http", port).await;
    assert!(matches!(nobody, Came::Nobody(_)), "{nobody:?}");
}
