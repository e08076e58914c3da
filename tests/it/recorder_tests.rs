//! The recorder itself: that it sees what passes, changes nothing, and cuts where it says.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::emulator::{Emulator, Kind};
use crate::recorder::{Call, Recorder, Side};

/// A call as the SDK makes it, as far as the recorder and the emulators look.
fn send(recorder: &Recorder, service: &str, headers: &str, line: &str, body: &str) -> TcpStream {
    let mut stream = TcpStream::connect(recorder.address).expect("the recorder listens");
    let length = body.len();
    write!(
        stream,
        "{line} HTTP/1.1\r\nHost: {}\r\nContent-Length: {length}\r\n{headers}\
         Authorization: AWS4-HMAC-SHA256 Credential=test/20260101/eu-west-1/{service}/aws4_request, \
         SignedHeaders=host, Signature=0\r\n\r\n{body}",
        recorder.address,
    )
    .expect("the recorder reads");
    stream
}

fn answer(mut stream: TcpStream) -> String {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";

fn create_vpc(recorder: &Recorder) -> TcpStream {
    send(
        recorder,
        "ec2",
        FORM,
        "POST /",
        "Action=CreateVpc&Version=2016-11-15&CidrBlock=10.0.0.0%2F16",
    )
}

fn vpcs(recorder: &Recorder) -> usize {
    let stream = send(recorder, "ec2", FORM, "POST /", "Action=DescribeVpcs&Version=2016-11-15");
    answer(stream).matches("<vpcId>").count()
}

#[test]
fn moto_calls_are_recorded() {
    let emulator = Emulator::start(Kind::Moto);
    let recorder = Recorder::start(emulator.address);
    assert!(answer(create_vpc(&recorder)).contains("<vpcId>vpc-"));
    let json = "Content-Type: application/x-amz-json-1.1\r\n\
                X-Amz-Target: AmazonEC2ContainerServiceV20141113.ListClusters\r\n";
    assert!(answer(send(&recorder, "ecs", json, "POST /", "{}")).contains("clusterArns"));
    assert!(
        answer(send(&recorder, "route53", "", "GET /2013-04-01/hostedzone?maxitems=1", ""))
            .contains("200")
    );

    let calls = recorder.calls();
    let seen: Vec<String> = calls.iter().map(ToString::to_string).collect();
    assert_eq!(
        seen,
        [
            "ec2 CreateVpc (eu-west-1) -> 200",
            "ecs ListClusters (eu-west-1) -> 200",
            "route53 GET /2013-04-01/hostedzone (eu-west-1) -> 200",
        ]
    );
    let mutating: Vec<bool> = calls.iter().map(Call::is_mutating).collect();
    assert_eq!(mutating, [true, false, false]);
}

#[test]
fn moto_calls_are_cut_before_or_after_their_effect() {
    let emulator = Emulator::start(Kind::Moto);
    let recorder = Recorder::start(emulator.address);
    let at_first = vpcs(&recorder);
    for (side, effect) in [(Side::Before, 0), (Side::After, 1)] {
        let before = vpcs(&recorder);
        let reached = recorder.cut(2, side);
        assert!(answer(create_vpc(&recorder)).contains("<vpcId>"), "the first is let through");
        let held = create_vpc(&recorder);
        let call = reached.recv_timeout(Duration::from_secs(30)).expect("the second is held");
        assert_eq!(call.operation, "CreateVpc");
        // Others pass meanwhile.
        assert_eq!(vpcs(&recorder), before + 1 + effect);
        drop(held);
        recorder.uncut();
    }
    assert_eq!(vpcs(&recorder), at_first + 3);
}
