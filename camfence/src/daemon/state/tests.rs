use super::*;

fn started() -> State {
    let mut state = State::default();
    assert_eq!(state.handle(Input::Started), [Command::Begin(Change::Up)]);
    state
}

fn idle() -> State {
    let mut state = started();
    assert_eq!(state.handle(done()), []);
    state
}

fn done() -> Input {
    Input::Finished(Ok(Summary::default()))
}

fn failed() -> Input {
    Input::Finished(Err(failure()))
}

fn failure() -> Failure {
    Failure::new("the file is broken", "mend it")
}

fn remove(id: RequestId) -> Input {
    Input::Request { id, request: Request::Remove { camera: format!("camera {id}") } }
}

fn removal(id: RequestId) -> Command {
    Command::Begin(Change::Remove(format!("camera {id}")))
}

fn ok(id: RequestId) -> Command {
    respond(id, Ok(Summary::default()))
}

fn refused(id: RequestId, failure: Failure) -> Command {
    respond(id, Err(failure))
}

#[test]
fn requests_wait_for_the_start() {
    let mut state = started();
    assert_eq!(state.handle(remove(1)), []);
    assert_eq!(state.handle(done()), [removal(1)]);
}

#[test]
fn without_a_fence_there_is_no_daemon() {
    let mut state = started();
    state.handle(remove(1));
    let commands = state.handle(failed());
    assert_eq!(commands, [refused(1, ending()), Command::Exit(Ending::NotUp)]);
}

#[test]
fn changes_are_made_one_at_a_time_in_order() {
    let mut state = idle();
    assert_eq!(state.handle(remove(1)), [removal(1)]);
    assert_eq!(state.handle(remove(2)), []);
    assert_eq!(state.handle(remove(3)), []);
    assert_eq!(state.handle(done()), [ok(1), removal(2)]);
    assert_eq!(state.handle(failed()), [refused(2, failure()), removal(3)]);
    assert_eq!(state.handle(done()), [ok(3)]);
}

#[test]
fn an_added_camera_must_have_an_address() {
    let mut state = idle();
    let add = |mac: &str| Input::Request {
        id: 1,
        request: Request::Add { mac: mac.into(), name: "attic".into(), profile: None },
    };
    let commands = state.handle(add("nonsense"));
    assert_eq!(commands, [refused(1, Failure::not_a_request("no such MAC can be"))]);
    let commands = state.handle(add("b0:c5:54:25:5b:0e"));
    assert!(
        matches!(&commands[..], [Command::Begin(Change::Add(camera))] if camera.name == "attic")
    );
}

#[test]
fn the_fence_is_opened_for_a_time_within_the_limits() {
    let mut state = idle();
    let open = |seconds| Input::Request {
        id: 1,
        request: Request::Open { camera: "attic".into(), seconds },
    };
    for seconds in [0, OpenTime::LONGEST.seconds() + 1, u64::MAX] {
        let commands = state.handle(open(seconds));
        assert!(
            matches!(&commands[..], [Command::Respond { id: 1, response: Response::Error(error) }]
                if error.message.contains("24h")),
            "{commands:?}"
        );
    }
    let long = Request::Close { camera: "x".repeat(NAME_MAX_BYTES + 1) };
    let commands = state.handle(Input::Request { id: 1, request: long });
    assert!(matches!(&commands[..], [Command::Respond { id: 1, response: Response::Error(_) }]));
    let begin = |time| Command::Begin(Change::Open("attic".into(), time));
    assert_eq!(state.handle(open(600)), [begin(OpenTime::from_seconds(600).ok())]);
    state.handle(done());
    let close = Input::Request { id: 2, request: Request::Close { camera: "attic".into() } };
    assert_eq!(state.handle(close), [begin(None)]);
}

#[test]
fn a_full_queue_refuses() {
    let mut state = idle();
    state.handle(remove(0));
    for id in 1..=MAX_WAITING as u64 {
        assert_eq!(state.handle(remove(id)), []);
    }
    let commands = state.handle(remove(99));
    assert!(matches!(&commands[..], [Command::Respond { id: 99, response: Response::Error(_) }]));
    assert_eq!(state.handle(done()), [ok(0), removal(1)]);
    assert_eq!(state.handle(remove(100)), [], "there is room again");
}

#[test]
fn a_ping_is_answered_whatever_is_under_way() {
    let ping = |id| Input::Request { id, request: Request::Ping };
    let mut state = started();
    assert_eq!(state.handle(ping(1)), [ok(1)]);
    state.handle(Input::Signal(Signal::Terminate));
    assert_eq!(state.handle(ping(2)), [ok(2)]);
}

#[test]
fn a_hangup_reloads_and_answers_nobody() {
    let mut state = idle();
    let reload = || Command::Begin(Change::Reload);
    assert_eq!(state.handle(Input::Signal(Signal::Hangup)), [reload()]);
    assert_eq!(state.handle(Input::Signal(Signal::Hangup)), [], "the file may have changed since");
    assert_eq!(state.handle(Input::Signal(Signal::Hangup)), [], "one waits already");
    assert_eq!(state.handle(failed()), [reload()]);
    assert_eq!(state.handle(done()), []);
}

#[test]
fn termination_while_idle_ends_at_once() {
    let commands = idle().handle(Input::Signal(Signal::Terminate));
    assert_eq!(commands, [Command::Exit(Ending::Asked)]);
}

#[test]
fn termination_lets_the_change_under_way_end_and_refuses_those_that_wait() {
    let mut state = idle();
    state.handle(remove(1));
    state.handle(remove(2));
    state.handle(Input::Signal(Signal::Hangup));
    assert_eq!(state.handle(Input::Signal(Signal::Terminate)), [refused(2, ending())]);
    assert_eq!(state.handle(remove(3)), [refused(3, ending())]);
    assert_eq!(state.handle(Input::Signal(Signal::Hangup)), []);
    assert_eq!(state.handle(Input::Signal(Signal::Terminate)), []);
    assert_eq!(state.handle(done()), [ok(1), Command::Exit(Ending::Asked)]);
}

#[test]
fn termination_during_the_start_ends_after_it() {
    let mut state = started();
    assert_eq!(state.handle(Input::Signal(Signal::Terminate)), []);
    assert_eq!(state.handle(done()), [Command::Exit(Ending::Asked)]);
}

#[test]
fn an_end_of_nothing_is_nothing() {
    assert_eq!(idle().handle(done()), []);
}

fn look() -> Input {
    Input::Look
}

fn following() -> Command {
    Command::Begin(Change::Follow)
}

#[test]
fn looking_goes_before_what_waits_and_waits_only_once() {
    let mut state = idle();
    assert_eq!(state.handle(remove(1)), [removal(1)]);
    assert_eq!(state.handle(remove(2)), []);
    assert_eq!(state.handle(look()), []);
    assert_eq!(state.handle(look()), []);
    assert_eq!(state.handle(done()), [ok(1), following()]);
    assert_eq!(state.handle(look()), [], "what changes while it looks is looked at again");
    assert_eq!(state.handle(done()), [following()]);
    assert_eq!(state.handle(failed()), [removal(2)], "that it failed ends nothing");
}

#[test]
fn the_start_goes_before_looking() {
    let mut state = started();
    assert_eq!(state.handle(look()), []);
    assert_eq!(state.handle(done()), [following()]);
}

#[test]
fn a_fence_that_was_taken_down_on_request_stays_down() {
    let mut state = idle();
    let request = |id, request| Input::Request { id, request };
    assert_eq!(state.handle(request(1, Request::Down)), [Command::Begin(Change::Down)]);
    assert_eq!(state.handle(look()), []);
    assert_eq!(state.handle(done()), [ok(1)]);
    assert_eq!(state.handle(look()), []);
    assert_eq!(state.handle(request(2, Request::Up)), [Command::Begin(Change::Up)]);
    assert_eq!(state.handle(done()), [ok(2)]);
    assert_eq!(state.handle(look()), [following()]);
}

#[test]
fn a_fence_that_could_not_be_taken_down_is_looked_after() {
    let mut state = idle();
    state.handle(Input::Request { id: 1, request: Request::Down });
    state.handle(failed());
    assert_eq!(state.handle(look()), [following()]);
}
