// Whole verbs: a command line goes in, calls to a fake daemon, output and an exit status come out.

#include "ctl/run.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>

#include "ctl/command_line.hpp"
#include "tests/ctl/fakes.hpp"

namespace imapcopy::ctl {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using Json = nlohmann::json;

class Run : public ::testing::Test {
 protected:
    int run(std::vector<std::string> words) {
        words.insert(words.begin(), "--utc");
        auto const parsed = parse_command_line(std::move(words), {});
        if (auto const* const ending = std::get_if<Ending>(&parsed)) {
            terminal.out(ending->out);
            terminal.err(ending->err);
            return ending->status;
        }
        return ctl::run(std::get<Arguments>(parsed), daemon, terminal);
    }

    JobView& add_job(std::uint32_t id, Phase phase) {
        JobView job;
        job.id = JobId{id};
        job.phase = phase;
        job.spec.source.login = job.spec.source.address = "anna@old.example";
        job.spec.destination.login = job.spec.destination.address = "anna@new.example";
        return daemon.jobs_by_id[job.id] = job;
    }

    /// submit of two accounts on the command line, with passwords that the person types.
    int submit(std::vector<std::string> options) {
        terminal.secrets = {"pw1", "pw2"};
        options.insert(options.begin(), {"submit", "imaps://anna@old.example", "imaps://anna@new.example"});
        return run(std::move(options));
    }

    test::FakeTerminal terminal;
    test::FakeDaemon daemon{terminal};
};

TEST_F(Run, OnlySubmitStartsTheDaemon) {
    daemon.running = false;
    for (auto const& words : std::vector<std::vector<std::string>>{{},
                                                                   {"list"},
                                                                   {"test", "a@b.c", "a@b.d"},
                                                                   {"hold", "1"},
                                                                   {"daemon", "status"},
                                                                   {"provider", "list"}}) {
        EXPECT_EQ(run(words), 8);
        EXPECT_THAT(terminal.errors, HasSubstr("systemctl start imapcopyd"));
    }
    EXPECT_THAT(daemon.calls, IsEmpty());
    EXPECT_EQ(submit({}), 0);
    EXPECT_EQ(daemon.calls.front(), "start");
}

TEST_F(Run, SubmitSaysWhenTheDaemonCannotBeStarted) {
    daemon.running = daemon.startable = false;
    EXPECT_EQ(submit({}), 8);
    EXPECT_THAT(daemon.calls, ElementsAre("start"));
}

TEST_F(Run, TestShowsBothSteps) {
    terminal.secrets = {"pw1", "pw2"};
    EXPECT_EQ(run({"test", "imaps://anna@old.example", "gmail:anna@gmail.com"}), 0);
    EXPECT_THAT(terminal.output, HasSubstr("Testing source imaps://anna@old.example … established\n"));
    EXPECT_THAT(terminal.output, HasSubstr("Testing destination gmail:anna@gmail.com … established\n"));
    EXPECT_THAT(daemon.calls, ElementsAre("test source anna pw1", "test destination anna@gmail.com pw2"));
}

TEST_F(Run, RefusedLoginsHaveTheirOwnStatusBySide) {
    daemon.failures["test"] = {{ErrorCode::auth_rejected, "log in as anna", "bad \\x1b"}};
    EXPECT_EQ(submit({}), 12);
    EXPECT_THAT(terminal.errors, HasSubstr("failed\nimapcopyctl: source: log in as anna: server said: bad"));
    terminal.secrets = {"pw1", "pw2"};
    daemon.failures["test"] = {};
    daemon.calls.clear();
    daemon.failures["submit"] = {{ErrorCode::auth_rejected, "x", "", Side::destination}};
    EXPECT_EQ(submit({}), 13);
}

TEST_F(Run, UnreachableServersAndUntrustedCertificatesGiveFourteen) {
    for (auto const code : {ErrorCode::name_not_found, ErrorCode::connection_refused,
                            ErrorCode::tls_untrusted, ErrorCode::connection_lost}) {
        daemon.failures["test"] = {{code, "connect"}};
        EXPECT_EQ(submit({}), 14) << info(code).name;
    }
    EXPECT_THAT(daemon.calls, Not(Contains(HasSubstr("submit"))));
}

TEST_F(Run, SubmitPrintsIdAndPath) {
    EXPECT_EQ(submit({}), 0);
    EXPECT_EQ(terminal.output, "Job 118 created: /org/imapcopyd1/job/118\n");
    EXPECT_THAT(daemon.calls, Contains("submit pw1 pw2"));
    terminal.output.clear();
    EXPECT_EQ(submit({"-q", "--no-test"}), 0);
    EXPECT_EQ(terminal.output, "118\n");
}

TEST_F(Run, SubmitHandsOnEveryOption) {
    EXPECT_EQ(submit({"--no-test",
                      "--hold",
                      "--at",
                      "2026-11-22 22:30",
                      "--include",
                      "INBOX",
                      "--include",
                      "Work/*",
                      "--exclude",
                      "Trash",
                      "--rename",
                      "a=b",
                      "--below",
                      "Old",
                      "--label",
                      "move 7",
                      "--language",
                      "fi",
                      "--no-completion-mail",
                      "--keep-secrets=7d",
                      "--source-auth=xoauth2",
                      "--source-authorize-as",
                      "boss",
                      "--destination-tls=starttls",
                      "--destination-tls-pin",
                      std::string(64, 'A')}),
              0)
        << terminal.errors;
    auto const& spec = daemon.jobs_by_id.at(JobId{118}).spec;
    EXPECT_TRUE(spec.hold);
    EXPECT_EQ(spec.not_before, WallTime{std::chrono::sys_days{std::chrono::year{2026} / 11 / 22} +
                                        std::chrono::hours(22) + std::chrono::minutes(30)});
    EXPECT_THAT(spec.folders.include, ElementsAre("INBOX", "Work/*"));
    EXPECT_THAT(spec.folders.exclude, ElementsAre("Trash"));
    EXPECT_THAT(spec.folders.rename, ElementsAre(RenameRule{"a", "b"}));
    EXPECT_EQ(spec.folders.below, "Old");
    EXPECT_EQ(spec.label, "move 7");
    EXPECT_EQ(spec.language, "fi");
    EXPECT_FALSE(spec.completion_mail);
    EXPECT_EQ(spec.keep_secrets_seconds, 604800U);
    EXPECT_EQ(spec.source.auth, AuthMethod::xoauth2);
    EXPECT_EQ(spec.source.authorize_as, "boss");
    EXPECT_EQ(spec.destination.tls, TlsMode::starttls);
    EXPECT_EQ(spec.destination.port, 143);
    EXPECT_EQ(spec.destination.tls_pin, std::string(64, 'a'));
}

TEST_F(Run, ServersMayBeNamedByOptionsInstead) {
    terminal.secrets = {"pw1", "pw2"};
    EXPECT_EQ(run({"submit", "--source-login", "anna", "--source-host", "Old.example",
                   "--source-tls=starttls", "--no-test", "gmail:anna@gmail.com"}),
              0)
        << terminal.errors;
    auto const& spec = daemon.jobs_by_id.at(JobId{118}).spec;
    EXPECT_EQ(spec.source.host, "old.example");
    EXPECT_EQ(spec.source.port, 143);
    EXPECT_EQ(spec.destination.provider, "gmail");
}

TEST_F(Run, ASecondJobIsRefusedWithBothSentences) {
    daemon.failures["submit"] = {{ErrorCode::job_exists, "Todo for sync this account exists."}};
    EXPECT_EQ(submit({"--no-test"}), 11);
    EXPECT_THAT(terminal.errors,
                HasSubstr("has been asked for already.\nimapcopyctl: Todo for sync this account exists.\n"));
}

TEST_F(Run, DryRunPlansAndCreatesNothing) {
    EXPECT_EQ(submit({"--dry-run"}), 0);
    EXPECT_THAT(daemon.calls, ElementsAre("start", "plan"));
    EXPECT_THAT(terminal.output, HasSubstr("2 folders, 5 messages to copy, 2.1 kB"));
    EXPECT_THAT(terminal.output, HasSubstr("Gelöscht\\x07"));
    EXPECT_THAT(terminal.output, HasSubstr("bad: two folders, one name"));
}

TEST_F(Run, PlanIsOneJsonDocument) {
    terminal.secrets = {"pw1", "pw2"};
    EXPECT_EQ(run({"plan", "a@old.example", "a@new.example", "-o", "json"}), 0);
    auto const json = Json::parse(terminal.output);
    EXPECT_EQ(json["schema"], "imapcopyctl/1");
    EXPECT_EQ(json["folders"][1]["destination"], "Trash");
    EXPECT_EQ(json["exceptions"][0]["code"], "FolderNameCollision");
    EXPECT_EQ(json["folders"].size(), 2U);
    EXPECT_EQ(json["folders"][0]["to_copy"], 4);
    EXPECT_EQ(json["messages"], 11);
    EXPECT_EQ(json["to_copy"], 5);
    EXPECT_EQ(json["bytes"], 2100);
}

TEST_F(Run, PlanHasARowForEachExceptionWhereThereAreOnlyRows) {
    terminal.secrets = {"pw1", "pw2", "pw1", "pw2"};
    EXPECT_EQ(run({"plan", "a@old.example", "a@new.example", "-o", "csv", "--no-legend"}), 0);
    EXPECT_THAT(terminal.output, HasSubstr("INBOX,INBOX,no,10,4,2000,,\r\n"));
    EXPECT_THAT(terminal.output, HasSubstr("bad,,,,,,FolderNameCollision,\"two folders, one name\"\r\n"));
    terminal.output.clear();
    EXPECT_EQ(run({"plan", "a@old.example", "a@new.example", "-o", "long"}), 0);
    EXPECT_THAT(terminal.output, HasSubstr("two folders, one name"));
}

struct WaitCase {
    Phase phase;
    WaitReason reason;
    std::optional<Side> side;
    int status;
};

TEST_F(Run, WaitMapsTheEndOfTheJobToTheExitStatus) {
    for (auto const& expected : {WaitCase{Phase::complete, WaitReason::none, {}, 0},
                                 WaitCase{Phase::complete_with_exceptions, WaitReason::none, {}, 5},
                                 WaitCase{Phase::failed, WaitReason::none, {}, 4},
                                 WaitCase{Phase::cancelled, WaitReason::none, {}, 4},
                                 WaitCase{Phase::waiting, WaitReason::credentials, Side::source, 12},
                                 WaitCase{Phase::waiting, WaitReason::credentials, Side::destination, 13},
                                 WaitCase{Phase::waiting, WaitReason::quota, {}, 75},
                                 WaitCase{Phase::waiting, WaitReason::host, {}, 75}}) {
        daemon.script = {[] { return std::vector<Event>{}; },
                         [&] {
                             return daemon.change(JobId{118}, [&](JobView& job) {
                                 job.phase = expected.phase;
                                 job.wait_reason = expected.reason;
                                 job.error = Error{ErrorCode::auth_rejected, "log in", "", expected.side};
                             });
                         }};
        EXPECT_EQ(submit({"--no-test", "--wait"}), expected.status) << to_string(expected.phase);
    }
}

TEST_F(Run, WaitPrintsOneJsonDocumentOfTheEnd) {
    daemon.script = {
        [&] { return daemon.change(JobId{118}, [](JobView& job) { job.phase = Phase::copying; }); },
        [] { return std::vector<Event>{{.kind = Event::Kind::daemon_gone, .id = {}, .job = {}}}; },
        [&] {
            return daemon.change(JobId{118},
                                 [](JobView& job) { job.phase = Phase::complete_with_exceptions; });
        }};
    EXPECT_EQ(submit({"--no-test", "--wait", "-o", "json"}), 5);
    auto const json = Json::parse(terminal.output);
    EXPECT_EQ(json["schema"], "imapcopyctl/1");
    EXPECT_EQ(json["id"], 118);
    EXPECT_EQ(json["path"], "/org/imapcopyd1/job/118");
    EXPECT_EQ(json["phase"], "complete with exceptions");
    EXPECT_THAT(terminal.errors, HasSubstr("went away"));
    terminal.output.clear();
    terminal.interrupt = true;
    EXPECT_EQ(submit({"--no-test", "--wait", "-o", "json"}), 130);
    EXPECT_EQ(Json::parse(terminal.output)["phase"], "queued");
}

TEST_F(Run, WaitPrintsJsonLinesWhereTheyAreAskedFor) {
    daemon.script = {
        [&] { return daemon.change(JobId{118}, [](JobView& job) { job.phase = Phase::complete; }); }};
    EXPECT_EQ(submit({"--no-test", "--wait", "-o", "jsonl", "-f", "id,phase"}), 0);
    EXPECT_EQ(terminal.output,
              "{\"type\":\"created\",\"id\":118}\n"
              "{\"type\":\"job\",\"id\":118,\"phase\":\"queued\"}\n"
              "{\"type\":\"job\",\"id\":118,\"phase\":\"complete\"}\n");
}

TEST_F(Run, WatchPrintsOneJsonDocumentOfTheEnd) {
    EXPECT_EQ(run({"watch", "-o", "json"}), 0);
    EXPECT_THAT(Json::parse(terminal.output)["jobs"], IsEmpty());
    terminal.output.clear();
    add_job(7, Phase::copying);
    add_job(8, Phase::copying);
    daemon.script = {
        [&] { return daemon.change(JobId{7}, [](JobView& job) { job.phase = Phase::complete; }); },
        [&] { return daemon.change(JobId{8}, [](JobView& job) { job.phase = Phase::failed; }); }};
    EXPECT_EQ(run({"watch", "-o", "json", "-f", "id,phase"}), 4);
    auto const jobs = Json::parse(terminal.output)["jobs"];
    EXPECT_EQ(jobs.dump(), R"([{"id":7,"phase":"complete"},{"id":8,"phase":"failed"}])");
    EXPECT_EQ(run({"watch", "-o", "json", "-f", "colour"}), 2);
}

TEST_F(Run, WaitGivesUpAfterItsTime) {
    EXPECT_EQ(submit({"--no-test", "--wait=30"}), 3);
    EXPECT_THAT(terminal.errors, HasSubstr("time of --wait is over"));
    EXPECT_GE(terminal.time.time_since_epoch(), std::chrono::seconds(30));
    EXPECT_LT(terminal.time.time_since_epoch(), std::chrono::seconds(31));
}

TEST_F(Run, CtrlCDetaches) {
    terminal.interrupt = true;
    EXPECT_EQ(submit({"--no-test", "--wait"}), 130);
    EXPECT_THAT(terminal.errors, HasSubstr("Detached"));
    EXPECT_EQ(run({"watch"}), 130);
    EXPECT_EQ(run({"monitor"}), 130);
    EXPECT_THAT(daemon.calls, Not(Contains(HasSubstr("cancel"))));
}

TEST_F(Run, WaitSurvivesARestartOfTheDaemon) {
    daemon.script = {
        [] { return std::vector<Event>{{.kind = Event::Kind::daemon_gone, .id = {}, .job = {}}}; },
        [&] {
            daemon.jobs_by_id.at(JobId{118}).phase = Phase::complete;
            return std::vector<Event>{{.kind = Event::Kind::daemon_back, .id = {}, .job = {}}};
        }};
    EXPECT_EQ(submit({"--no-test", "--wait"}), 0);
    EXPECT_THAT(terminal.output, HasSubstr("The daemon went away"));
}

TEST_F(Run, WaitSaysThatTheEndOfAJobIsNotKnownWhichWasForgottenBefore) {
    auto const forget = [&] {
        daemon.jobs_by_id.clear();
        return std::vector<Event>{{.kind = Event::Kind::job_removed, .id = JobId{118}, .job = {}}};
    };
    daemon.script = {forget};
    EXPECT_EQ(submit({"--no-test", "--wait"}), 10);
    EXPECT_THAT(terminal.errors, HasSubstr("how the job ended is not known"));
    terminal.errors.clear();
    daemon.script = {forget};
    EXPECT_EQ(submit({"--no-test", "--wait", "-q"}), 10);
    EXPECT_THAT(terminal.errors, HasSubstr("job 118")) << "an error is no remark";
}

TEST_F(Run, WatchSaysThatTheEndOfAJobIsNotKnownWhichTheDaemonDoesNotKnowAnyMore) {
    add_job(7, Phase::copying);
    add_job(8, Phase::complete);
    daemon.script = {
        [] { return std::vector<Event>{{.kind = Event::Kind::daemon_gone, .id = {}, .job = {}}}; },
        [&] {
            daemon.jobs_by_id.erase(JobId{7});
            return std::vector<Event>{{.kind = Event::Kind::daemon_back, .id = {}, .job = {}}};
        }};
    EXPECT_EQ(run({"watch", "7", "8"}), 10);
    EXPECT_THAT(terminal.errors, HasSubstr("job 7"));
    EXPECT_THAT(terminal.errors, Not(HasSubstr("job 8")));
}

TEST_F(Run, WatchRemembersHowAJobEndedThatIsForgottenAfterwards) {
    auto const remove = [&](JobId id) {
        daemon.jobs_by_id.erase(id);
        return std::vector<Event>{{.kind = Event::Kind::job_removed, .id = id, .job = {}}};
    };
    for (auto const& [phase, status] : {std::pair(Phase::complete, 0), std::pair(Phase::failed, 4)}) {
        add_job(7, phase);
        add_job(8, Phase::copying);
        add_job(9, Phase::copying);
        daemon.script = {
            [&] { return remove(JobId{7}); },
            [&] { return remove(JobId{9}); },
            [&] { return daemon.change(JobId{8}, [](JobView& job) { job.phase = Phase::complete; }); }};
        EXPECT_EQ(run({"watch", "7", "8"}), status) << to_string(phase);
        EXPECT_EQ(terminal.errors, "");
    }
}

TEST_F(Run, WatchOfEverythingEndsWellWhateverIsForgotten) {
    add_job(7, Phase::copying);
    daemon.script = {[&] {
        daemon.jobs_by_id.clear();
        return std::vector<Event>{{.kind = Event::Kind::job_removed, .id = JobId{7}, .job = {}}};
    }};
    EXPECT_EQ(run({"watch"}), 0);
    EXPECT_THAT(terminal.output, HasSubstr("Job 7 was forgotten."));
    EXPECT_EQ(terminal.errors, "");
}

TEST_F(Run, WatchPrintsPlainLinesWhereThereIsNoTerminal) {
    add_job(7, Phase::connecting);
    daemon.script = {
        [&] {
            return daemon.change(JobId{7}, [](JobView& job) {
                job.phase = Phase::copying;
                job.progress.current_folder = "INBOX\x1b";
                job.progress.messages_total = 2000;
                job.progress.messages_done = 1204;
                job.progress.bytes_total = 61'300'000;
                job.progress.bytes_done = 31'200'000;
                job.progress.bytes_per_second = 4'100'000;
            });
        },
        [&] { return daemon.change(JobId{7}, [](JobView& job) { job.progress.messages_done = 1300; }); },
        [&] { return daemon.change(JobId{7}, [](JobView& job) { job.phase = Phase::complete; }); }};
    EXPECT_EQ(run({"watch", "7"}), 0);
    EXPECT_THAT(terminal.output,
                HasSubstr("job 7: copying \"INBOX\\x1b\", 1204 of 2000 messages, 31.2 MB of 61.3 MB, "
                          "4.1 MB/s\n"));
    EXPECT_THAT(terminal.output, Not(HasSubstr("copying \"INBOX\\x1b\", 1300")))
        << "at most one line in five seconds";
    EXPECT_THAT(terminal.output, HasSubstr("job 7: complete"));
    EXPECT_THAT(terminal.output, Not(HasSubstr("\x1b")));
}

TEST_F(Run, WatchDrawsBarsOverEachOtherOnATerminal) {
    terminal.is_terminal = true;
    add_job(7, Phase::copying).progress = {.messages_total = 10, .messages_done = 5, .current_folder = ""};
    daemon.script = {
        [&] { return daemon.change(JobId{7}, [](JobView& job) { job.phase = Phase::complete; }); }};
    EXPECT_EQ(run({"watch"}), 0);
    EXPECT_THAT(terminal.output, HasSubstr("[############------------]  50%  5/10"));
    EXPECT_THAT(terminal.output, HasSubstr("\x1b[2F\x1b[J"));
    EXPECT_THAT(terminal.output, HasSubstr("[########################] 100%"));
}

TEST_F(Run, WatchShowsLanesRoundTripsAndWhatBoundsTheJob) {
    auto& job = add_job(7, Phase::copying);
    job.progress.lanes = 3;
    job.progress.source_round_trip = std::chrono::microseconds(100'400);
    job.progress.destination_round_trip = std::chrono::microseconds(2'040);
    job.progress.bound = Bound::line;
    auto const end = [&] {
        return daemon.change(JobId{7}, [](JobView& view) { view.phase = Phase::complete; });
    };
    daemon.script = {end};
    EXPECT_EQ(run({"watch", "7"}), 0);
    EXPECT_THAT(terminal.output, HasSubstr("job 7: copying, 3 lanes, 100/2 ms, bound by: line\n"));
    EXPECT_THAT(terminal.output, HasSubstr("job 7: complete\n")) << "nothing of it holds any longer";
    terminal.is_terminal = true;
    job.phase = Phase::copying;
    job.progress.lanes = 1;
    job.progress.source_round_trip = {};
    job.progress.destination_round_trip = std::chrono::microseconds(180);
    job.progress.bound = Bound::unknown;
    daemon.script = {end};
    EXPECT_EQ(run({"watch", "7"}), 0);
    EXPECT_THAT(terminal.output, HasSubstr("in progress  1 lane, ?/0.2 ms\n"));
}

TEST_F(Run, WatchEndsAtOnceWhereNothingIsLeftToWatch) {
    add_job(7, Phase::complete);
    EXPECT_EQ(run({"watch"}), 0);
    EXPECT_EQ(run({"watch", "7"}), 0);
    EXPECT_EQ(run({"watch", "8"}), 10);
}

TEST_F(Run, ListShowsUnfinishedJobsUnlessAskedForMore) {
    EXPECT_EQ(run({}), 0);
    EXPECT_THAT(terminal.output, HasSubstr("No unfinished jobs."));
    add_job(1, Phase::complete);
    add_job(2, Phase::copying);
    terminal.output.clear();
    EXPECT_EQ(run({}), 0);
    EXPECT_THAT(terminal.output, HasSubstr("ID  STATE        PHASE"));
    EXPECT_THAT(terminal.output, HasSubstr(" 2  in progress  copying  anna@old.example"));
    EXPECT_THAT(terminal.output, Not(HasSubstr("complete")));
    terminal.output.clear();
    EXPECT_EQ(run({"list", "--all", "--no-legend", "-f", "id,phase"}), 0);
    EXPECT_EQ(terminal.output, "1  complete\n2  copying\n");
    terminal.output.clear();
    EXPECT_EQ(run({"list", "--state=finished", "-o", "csv", "-f", "id,source,created"}), 0);
    EXPECT_EQ(terminal.output, "id,source,created\r\n1,anna@old.example,\r\n");
    EXPECT_EQ(run({"list", "-f", "colour"}), 2);
}

TEST_F(Run, JsonCarriesThePropertiesAndTheSchema) {
    auto& job = add_job(2, Phase::waiting);
    job.wait_reason = WaitReason::throttled;
    job.wait_text = "imap.example.org asks for a pause of 300 s";
    job.waiting_until = WallTime{std::chrono::seconds(1'795'248'900)};
    job.spec.label = "caf\xc3\xa9 \xc2\x9b";
    EXPECT_EQ(run({"list", "-o", "json"}), 0);
    EXPECT_TRUE(
        std::ranges::all_of(terminal.output, [](char c) { return static_cast<unsigned char>(c) < 0x80; }));
    auto const document = Json::parse(terminal.output);
    EXPECT_EQ(document["schema"], "imapcopyctl/1");
    auto const& json = document["jobs"][0];
    EXPECT_EQ(json["id"], 2);
    EXPECT_EQ(json["state"], "in progress");
    EXPECT_EQ(json["reason"]["name"], "throttled");
    EXPECT_EQ(json["waiting_until"], "2026-11-21T08:15:00Z");
    EXPECT_EQ(json["source"]["login"], "anna@old.example");
    EXPECT_EQ(json["label"], job.spec.label);
    EXPECT_TRUE(json["error"].is_null());
    terminal.output.clear();
    EXPECT_EQ(run({"list", "-o", "jsonl", "-f", "id"}), 0);
    EXPECT_EQ(terminal.output, "{\"type\":\"job\",\"id\":2}\n");
}

TEST_F(Run, StatusBySourceAddressGivesTheOriginsSentence) {
    auto& job = add_job(2, Phase::waiting);
    job.wait_text = "imap.example.org asks for a pause of 300 s";
    job.waiting_until = terminal.wall_now() + std::chrono::hours(1);
    EXPECT_EQ(run({"status", "Anna@Old.example"}), 0);
    EXPECT_THAT(terminal.output,
                HasSubstr("in progress: The synchronisation of your accounts is in progress."));
    EXPECT_THAT(terminal.output,
                HasSubstr("waiting until 09:15: imap.example.org asks for a pause of 300 s"));
    EXPECT_EQ(run({"status", "nobody@old.example"}), 10);
    EXPECT_EQ(run({"status", "99"}), 10);
}

TEST_F(Run, StatusSaysWhatBoundsAJob) {
    for (auto const& [bound, sentence] :
         {std::pair{Bound::source, "The source server takes its time"},
          std::pair{Bound::destination, "The destination server takes its time"},
          std::pair{Bound::line, "over the line"}, std::pair{Bound::limit, "connections_per_account"},
          std::pair{Bound::us, "The daemon's processor or disk"}}) {
        auto& job = add_job(1, Phase::copying);
        job.progress.bound = bound;
        EXPECT_EQ(run({"status", "1"}), 0);
        EXPECT_THAT(terminal.output, HasSubstr("bound by: " + std::string(to_string(bound)) + "\n"));
        EXPECT_THAT(terminal.output, HasSubstr(sentence));
        job.phase = Phase::complete;
        terminal.output.clear();
        EXPECT_EQ(run({"status", "1"}), 0);
        EXPECT_THAT(terminal.output, Not(HasSubstr(sentence)));
    }
}

TEST_F(Run, JsonSaysWhatBoundsAJob) {
    auto& job = add_job(1, Phase::copying);
    job.progress.lanes = 2;
    job.progress.source_round_trip = std::chrono::microseconds(100'400);
    job.progress.bound = Bound::us;
    EXPECT_EQ(
        run({"status", "1", "-o", "jsonl", "-f", "lanes,source_round_trip,destination_round_trip,bound"}), 0);
    EXPECT_EQ(terminal.output,
              "{\"type\":\"job\",\"lanes\":2,\"source_round_trip\":100400,"
              "\"destination_round_trip\":null,\"bound\":\"us\"}\n");
    terminal.output.clear();
    job.progress = {};
    EXPECT_EQ(run({"list", "-o", "csv", "-f", "lanes,source_round_trip,bound"}), 0);
    EXPECT_EQ(terminal.output, "lanes,source_round_trip,bound\r\n0,,\r\n");
}

TEST_F(Run, StatusHasASentenceForEachOfTheFourStates) {
    for (auto const& [phase, sentence] :
         {std::pair{Phase::queued, "The synchronisation has not started yet. Please be patient."},
          std::pair{Phase::copying, "The synchronisation of your accounts is in progress."},
          std::pair{Phase::complete, "The synchronisation of your accounts is finished."},
          std::pair{Phase::failed, "An error occurred during the synchronisation."}}) {
        add_job(1, phase);
        EXPECT_EQ(run({"status", "1"}), 0);
        EXPECT_THAT(terminal.output, HasSubstr(sentence));
    }
}

TEST_F(Run, ControlVerbsActOnEveryJobAndReportTheFirstFailure) {
    daemon.failures["hold"] = {{ErrorCode::wrong_state, "job 1 has ended"}};
    EXPECT_EQ(run({"hold", "1", "2", "2"}), 1);
    EXPECT_THAT(daemon.calls, ElementsAre("hold 1", "hold 2"));
    EXPECT_EQ(terminal.output, "Job 2 is held.\n");
    EXPECT_THAT(terminal.errors, HasSubstr("job 1: job 1 has ended"));
    EXPECT_EQ(run({"release", "1"}), 0);
    EXPECT_EQ(run({"hold", "anna@old.example"}), 2);
}

TEST_F(Run, ControlVerbsAnswerInOneJsonDocumentOrInLines) {
    daemon.failures["hold"] = {{ErrorCode::wrong_state, "job 1 has ended"}};
    EXPECT_EQ(run({"hold", "1", "2", "3", "-o", "json"}), 1);
    EXPECT_EQ(Json::parse(terminal.output)["jobs"].dump(), R"([{"done":true,"id":2},{"done":true,"id":3}])");
    terminal.output.clear();
    EXPECT_EQ(run({"release", "1", "2", "-o", "jsonl"}), 0);
    EXPECT_EQ(terminal.output,
              "{\"type\":\"released\",\"id\":1,\"done\":true}\n"
              "{\"type\":\"released\",\"id\":2,\"done\":true}\n");
}

TEST_F(Run, CancelAsksOnATerminal) {
    add_job(1, Phase::copying);
    terminal.answers = {""};
    EXPECT_EQ(run({"cancel", "1"}), 0);
    EXPECT_THAT(daemon.calls, IsEmpty());
    EXPECT_THAT(terminal.output, HasSubstr("left as it is"));
    terminal.answers = {"y"};
    EXPECT_EQ(run({"cancel", "1"}), 0);
    EXPECT_EQ(run({"cancel", "-y", "1"}), 0);
    terminal.asks = false;
    EXPECT_EQ(run({"cancel", "1"}), 0);
    EXPECT_THAT(daemon.calls, ElementsAre("cancel 1", "cancel 1", "cancel 1"));
}

TEST_F(Run, RetryAsksOnlyForSecretsThatAreGone) {
    add_job(1, Phase::failed);
    EXPECT_EQ(run({"retry", "1"}), 0);
    daemon.failures["resync"] = {{ErrorCode::credentials_missing, "no secrets"}};
    terminal.secrets = {"pw1", "pw2"};
    EXPECT_EQ(run({"resync", "1"}), 0) << terminal.errors;
    EXPECT_THAT(daemon.calls, ElementsAre("retry 1  ", "resync 1  ", "resync 1 pw1 pw2"));
    daemon.failures["retry"] = {{ErrorCode::credentials_missing, "no secrets"}};
    EXPECT_EQ(run({"retry", "1", "--no-ask-password"}), 12);
    EXPECT_THAT(terminal.errors, HasSubstr("--source-password-file"));
}

TEST_F(Run, VerifyTellsThatBothSidesAreTheSame) {
    EXPECT_EQ(run({"verify", "1"}), 0);
    EXPECT_THAT(daemon.calls, ElementsAre("verify 1 index  "));
    EXPECT_EQ(
        terminal.output,
        "Job 1: 30 messages in 2 folders compared by index: 0 differences, 0 more that are explained\n");
}

TEST_F(Run, VerifyListsDifferencesAndEndsWithSix) {
    daemon.verification.differences = 150;
    daemon.verification.explained = 1;
    daemon.verification.totals = {{"missing", false, 150}, {"moved", true, 1}};
    daemon.verification.listed = {
        {"missing", false, "INBOX", "INBOX", 7, 0, "the ledger\x1b[31m does not know it"},
        {"moved", true, "Sent", "Gesendet", 8, 9, "its copy stands elsewhere"}};
    EXPECT_EQ(run({"verify", "--level", "digest", "1"}), 6);
    EXPECT_THAT(daemon.calls, ElementsAre("verify 1 digest  "));
    EXPECT_THAT(terminal.output, HasSubstr("the ledger\\x1b[31m does not know it"));
    EXPECT_THAT(terminal.output,
                HasSubstr("150 differences, 1 more that are explained\nmissing 150, moved 1\n"));
    EXPECT_THAT(terminal.output, HasSubstr("Only the first ones"));
    terminal.output.clear();
    EXPECT_EQ(run({"verify", "1", "-o", "json"}), 6);
    auto const json = Json::parse(terminal.output);
    EXPECT_EQ(json["schema"], "imapcopyctl/1");
    EXPECT_EQ(json["differences"], 150);
    EXPECT_EQ(json["totals"]["moved"], 1);
    EXPECT_EQ(json["listed"][0]["source_uid"], 7);
    EXPECT_EQ(json["listed"][1]["explained"], true);
    terminal.output.clear();
    EXPECT_EQ(run({"verify", "1", "-o", "csv", "-f", "kind,destination_uid", "--no-legend"}), 6);
    EXPECT_EQ(terminal.output, "missing,0\r\nmoved,9\r\n");
}

TEST_F(Run, VerifyAsksForSecretsThatAreGone) {
    add_job(1, Phase::complete);
    daemon.failures["verify"] = {{ErrorCode::credentials_missing, "no secrets"}};
    terminal.secrets = {"pw1", "pw2"};
    EXPECT_EQ(run({"verify", "1"}), 0) << terminal.errors;
    EXPECT_THAT(daemon.calls, ElementsAre("verify 1 index  ", "verify 1 index pw1 pw2"));
    daemon.failures["verify"] = {{ErrorCode::credentials_missing, "no secrets"}};
    EXPECT_EQ(run({"verify", "1", "--no-ask-password"}), 12);
    EXPECT_THAT(terminal.errors, HasSubstr("--source-password-file"));
}

TEST_F(Run, AuthGivesOneSideItsPassword) {
    add_job(1, Phase::waiting);
    terminal.secrets = {"pw"};
    EXPECT_EQ(run({"auth", "1", "--destination"}), 0) << terminal.errors;
    EXPECT_THAT(daemon.calls, ElementsAre("set_secret 1 destination pw"));
    EXPECT_THAT(terminal.questions.front(), HasSubstr("destination"));
    EXPECT_EQ(run({"auth", "1"}), 2);
    EXPECT_EQ(run({"auth", "1", "--source", "--destination"}), 2);
}

TEST_F(Run, ForgetKeepsTheLedgerUnlessAsked) {
    EXPECT_EQ(run({"forget", "1"}), 0);
    EXPECT_EQ(run({"forget", "1", "--ledger", "-y"}), 0);
    EXPECT_THAT(daemon.calls, ElementsAre("forget 1", "forget 1 ledger"));
}

TEST_F(Run, ReportIsTextForPeopleAndItemsForPrograms) {
    EXPECT_EQ(run({"report", "1"}), 0);
    EXPECT_EQ(terminal.output, "line one\nline\\x1btwo\n");
    terminal.output.clear();
    daemon.items_total = 1500;
    EXPECT_EQ(run({"report", "1", "-o", "jsonl"}), 0);
    EXPECT_EQ(std::ranges::count(terminal.output, '\n'), 1500);
    terminal.output.clear();
    daemon.items_total = 1;
    EXPECT_EQ(run({"report", "1", "-o", "csv", "-f", "folder,text"}), 0);
    EXPECT_EQ(terminal.output, "folder,text\r\nINBOX,\"no, \"\"never\"\"\"\r\n");
}

TEST_F(Run, ProvidersAreListedShownAndDetected) {
    EXPECT_EQ(run({"provider", "list", "--side=source"}), 0);
    EXPECT_THAT(daemon.calls, Contains("list_providers source"));
    EXPECT_THAT(terminal.output, HasSubstr("gmail"));
    EXPECT_THAT(terminal.output, Not(HasSubstr("Old")));
    EXPECT_EQ(run({"provider", "show", "gmail"}), 0);
    EXPECT_THAT(terminal.output, HasSubstr("host:        imap.gmail.com"));
    EXPECT_EQ(run({"provider", "show", "nothing"}), 10);
    EXPECT_EQ(run({"provider", "detect", "a@gmail.com"}), 0);
    EXPECT_EQ(run({"provider"}), 2);
}

TEST_F(Run, DaemonVerbs) {
    EXPECT_EQ(run({"daemon", "status"}), 0);
    EXPECT_EQ(
        terminal.output,
        "imapcopyd 1.2: running, 2 jobs busy, 1.5 MB/s\n0 not started, 3 in progress, 0 finished, 0 error\n");
    EXPECT_EQ(run({"daemon", "hold"}), 0);
    EXPECT_EQ(run({"daemon", "release"}), 0);
    daemon.failures["reload"] = {{ErrorCode::invalid_argument, "f:1:1: unknown key x\nf:2:1: unknown key y"}};
    EXPECT_EQ(run({"daemon", "reload"}), 2);
    EXPECT_THAT(terminal.errors, HasSubstr("f:1:1: unknown key x\nf:2:1: unknown key y\n"));
    EXPECT_THAT(daemon.calls, ElementsAre("hold_all", "release_all", "reload"));
}

TEST_F(Run, DaemonVerbsAnswerInJson) {
    for (auto const* const verb : {"reload", "hold", "release"}) {
        terminal.output.clear();
        EXPECT_EQ(run({"daemon", verb, "-o", "json"}), 0);
        EXPECT_EQ(Json::parse(terminal.output), (Json{{"schema", "imapcopyctl/1"}, {"done", true}})) << verb;
    }
    terminal.output.clear();
    EXPECT_EQ(run({"daemon", "hold", "-o", "jsonl"}), 0);
    EXPECT_EQ(terminal.output, "{\"type\":\"held\",\"done\":true}\n");
}

TEST_F(Run, MonitorPrintsALinePerChange) {
    add_job(1, Phase::queued);
    daemon.script = {
        [&] { return daemon.change(JobId{1}, [](JobView& job) { job.phase = Phase::complete; }); },
        [&] {
            terminal.interrupt = true;
            return std::vector<Event>{{.kind = Event::Kind::job_removed, .id = JobId{1}, .job = {}}};
        }};
    EXPECT_EQ(run({"monitor"}), 130);
    auto const end = terminal.output.find('\n');
    EXPECT_EQ(Json::parse(terminal.output.substr(0, end))["type"], "job_ended");
    EXPECT_EQ(terminal.output.substr(end + 1), "{\"type\":\"job_removed\",\"id\":1}\n");
}

TEST_F(Run, MonitorSaysWhatChangedOfTheDaemon) {
    daemon.script = {[&] {
        terminal.interrupt = true;
        StatusChange change;
        change.state = "held";
        change.jobs_by_state = {{JobState::finished, 3}};
        Event const held{.kind = Event::Kind::status_changed, .id = {}, .job = {}, .status = change};
        StatusChange idle;
        idle.workers_busy = 0;
        idle.bytes_per_second = 0;
        return std::vector<Event>{held,
                                  {.kind = Event::Kind::status_changed, .id = {}, .job = {}, .status = idle}};
    }};
    EXPECT_EQ(run({"monitor"}), 130);
    EXPECT_EQ(terminal.output,
              "{\"type\":\"status_changed\",\"state\":\"held\",\"jobs_by_state\":{\"not started\":0,"
              "\"in progress\":0,\"finished\":3,\"error\":0}}\n"
              "{\"type\":\"status_changed\",\"workers_busy\":0,\"bytes_per_second\":0}\n");
}

TEST_F(Run, TheFormAsksTestsAndStarts) {
    terminal.answers = {"gmail", "anna@gmail.com", "2", "anna", "imap.new.example:1143", "n", ""};
    terminal.secrets = {"pw1", "pw2"};
    EXPECT_EQ(run({"submit"}), 0) << terminal.errors;
    auto const& spec = daemon.jobs_by_id.at(JobId{118}).spec;
    EXPECT_EQ(spec.source.provider, "gmail");
    EXPECT_EQ(spec.destination.host, "imap.new.example");
    EXPECT_EQ(spec.destination.port, 1143);
    EXPECT_EQ(spec.destination.tls, TlsMode::starttls);
    EXPECT_THAT(daemon.calls,
                ElementsAre("start", "list_providers source", "test source anna@gmail.com pw1",
                            "list_providers destination", "test destination anna pw2", "submit pw1 pw2"));
}

TEST_F(Run, TheFormAsksAgainWhereOptionsAndAnswersMakeNoAccount) {
    terminal.answers = {"gmail", "anna@gmail.com"};
    EXPECT_EQ(run({"submit", "--source-tls-pin=short"}), 130);
    EXPECT_THAT(terminal.errors, HasSubstr("tls_pin"));
    EXPECT_THAT(daemon.calls, ElementsAre("start", "list_providers source", "list_providers source"));
}

TEST_F(Run, TheFormStartsNothingInADryRun) {
    terminal.answers = {"gmail", "anna@gmail.com", "gmail", "anna@gmail.com"};
    terminal.secrets = {"pw1", "pw2"};
    EXPECT_EQ(run({"submit", "--dry-run"}), 0) << terminal.errors;
    EXPECT_EQ(daemon.calls.back(), "plan");
}

TEST_F(Run, TheFormAsksForALocalPartWhereTheServiceWantsOne) {
    std::vector<std::string> asked;
    for (auto const* const form : {"address", "local-part"}) {
        daemon.login_form = form;
        terminal.questions.clear();
        terminal.answers = {"gmail"};
        EXPECT_EQ(run({"submit"}), 130);
        ASSERT_EQ(terminal.questions.size(), 2U);
        asked.push_back(terminal.questions[1]);
    }
    EXPECT_NE(asked[0], asked[1]);
}

TEST_F(Run, APasswordThatIsNotGivenEndsLikeAQuestionWithoutAnAnswer) {
    terminal.secrets.clear();
    EXPECT_EQ(run({"test", "imaps://anna@old.example", "imaps://anna@new.example"}), 130);
}

TEST_F(Run, TheFormTriesAgainAndCanBeLeft) {
    terminal.answers = {"1", "anna@gmail.com", "1", "anna@gmail.com"};
    terminal.secrets = {"wrong", "pw1"};
    daemon.failures["test"] = {{ErrorCode::auth_rejected, "log in"}};
    EXPECT_EQ(run({"submit"}), 130);
    EXPECT_THAT(terminal.errors, HasSubstr("Nothing was created."));
    EXPECT_THAT(daemon.calls, Contains("test source anna@gmail.com pw1"));
    terminal.asks = false;
    EXPECT_EQ(run({"submit"}), 2);
}

TEST_F(Run, WithoutAWayToAskForPasswordsTheMessageNamesTheOthers) {
    terminal.asks = false;
    EXPECT_EQ(submit({}), 2);
    EXPECT_THAT(terminal.errors, HasSubstr("--source-password-file"));
    terminal.asks = true;
    EXPECT_EQ(submit({"--no-ask-password"}), 2);
}

TEST_F(Run, ADaemonThatDiesInTheMiddleGivesEight) {
    daemon.failures["reload"] = {{ErrorCode::connection_lost, "the daemon went away"}};
    daemon.dies_on_failure = true;
    EXPECT_EQ(run({"daemon", "reload"}), 8);
    EXPECT_THAT(terminal.errors, HasSubstr("systemctl start imapcopyd"));
}

TEST_F(Run, AServerThatHangsUpIsNoDeadDaemon) {
    daemon.failures["test"] = {{ErrorCode::connection_lost, "read the greeting"}};
    daemon.dies_on_failure = true;
    EXPECT_EQ(submit({}), 14);
}

/// Passwords from files and descriptors.
class RunWithFile : public Run {
 protected:
    std::string write(std::string const& name, std::string const& content, mode_t mode) {
        auto const path = ::testing::TempDir() + "ctl_run_test." + std::to_string(::getpid()) + "." + name;
        std::ofstream(path) << content;
        EXPECT_EQ(::chmod(path.c_str(), mode), 0);
        files_.push_back(path);
        return path;
    }
    void TearDown() override {
        for (auto const& path : files_) (void)std::remove(path.c_str());
    }

 private:
    std::vector<std::string> files_;
};

TEST_F(RunWithFile, PasswordsComeFromPrivateFiles) {
    auto const source = write("a", "pw file\r\n", 0600);
    auto const destination = write("b", "second", 0400);
    EXPECT_EQ(run({"submit", "a@old.example", "a@new.example", "--no-test", "--source-password-file", source,
                   "--destination-password-file", destination}),
              0)
        << terminal.errors;
    EXPECT_THAT(daemon.calls, Contains("submit pw file second"));
    EXPECT_THAT(terminal.questions, IsEmpty());
}

TEST_F(RunWithFile, FilesThatOthersCanOpenAreRefused) {
    for (auto const mode : {0640U, 0604U, 0620U}) {
        auto const file = write("a", "pw\n", mode);
        EXPECT_EQ(run({"test", "a@old.example", "a@new.example", "--source-password-file", file}), 2);
        EXPECT_THAT(terminal.errors, HasSubstr("chmod 600 " + file));
    }
    EXPECT_EQ(run({"test", "a@old.example", "a@new.example", "--source-password-file", "/nonexistent"}), 2);
    auto const empty = write("e", "\n", 0600);
    EXPECT_EQ(run({"test", "a@old.example", "a@new.example", "--source-password-file", empty}), 2);
}

TEST_F(RunWithFile, OneDescriptorMayCarryBothLines) {
    auto const path = write("a", "first\nsecond\n", 0600);
    auto* const file = std::fopen(path.c_str(), "r");
    ASSERT_NE(file, nullptr);
    auto const fd = std::to_string(::fileno(file));
    EXPECT_EQ(run({"submit", "a@old.example", "a@new.example", "--no-test", "--source-password-fd=" + fd,
                   "--destination-password-fd=" + fd}),
              0)
        << terminal.errors;
    (void)std::fclose(file);
    EXPECT_THAT(daemon.calls, Contains("submit first second"));
}

TEST_F(RunWithFile, AccountsComeFromFiles) {
    auto const password = write("pw", "from file\n", 0600);
    auto const account =
        write("a.toml", "host = 'old.example'\nlogin = 'anna'\npassword_file = '" + password + "'\n", 0600);
    terminal.secrets = {"pw2"};
    EXPECT_EQ(run({"submit", "@" + account, "a@new.example", "--no-test"}), 0) << terminal.errors;
    auto const& source = daemon.jobs_by_id.at(JobId{118}).spec.source;
    EXPECT_EQ(source.host, "old.example");
    EXPECT_EQ(source.port, 993);
    EXPECT_THAT(daemon.calls, Contains("submit from file pw2"));
    auto const bad = write("b.toml", "host = 1\npassword = 'x'\n", 0600);
    EXPECT_EQ(run({"submit", "@" + bad, "imaps://a:b@h", "--no-test"}), 2);
    EXPECT_THAT(terminal.errors, HasSubstr("b.toml:1:8: host must be"));
    EXPECT_THAT(terminal.errors, HasSubstr("b.toml:2:12: password does not belong"));
    EXPECT_THAT(terminal.errors, HasSubstr("destination: an address takes no password"));
}

TEST_F(RunWithFile, TheFormAsksOnlyForWhatNoOptionSays) {
    std::string const pin(64, 'A');
    terminal.answers = {"anna", "gmail", "anna@gmail.com"};
    terminal.secrets = {"pw2"};
    auto const password = write("pw", "first\n", 0600);
    EXPECT_EQ(
        run({"submit", "-y", "--source-host=Imap.old.example", "--source-port=1143", "--source-tls=starttls",
             "--source-tls-pin=" + pin, "--source-authorize-as=boss", "--source-password-file=" + password,
             "--destination-auth=xoauth2", "--destination-port=1993", "--no-test", "--label=form"}),
        0)
        << terminal.errors;
    EXPECT_EQ(terminal.questions.size(), 4U);
    EXPECT_THAT(terminal.questions.back(), HasSubstr("Access token"));
    auto const& spec = daemon.jobs_by_id.at(JobId{118}).spec;
    EXPECT_EQ(spec.source.login, "anna");
    EXPECT_EQ(spec.source.host, "imap.old.example");
    EXPECT_EQ(spec.source.port, 1143);
    EXPECT_EQ(spec.source.tls, TlsMode::starttls);
    EXPECT_EQ(spec.source.tls_pin, std::string(64, 'a'));
    EXPECT_EQ(spec.source.authorize_as, "boss");
    EXPECT_EQ(spec.destination.auth, AuthMethod::xoauth2);
    EXPECT_EQ(spec.destination.port, 1993);
    EXPECT_EQ(spec.label, "form");
    EXPECT_THAT(daemon.calls, ElementsAre("start", "list_providers destination", "submit first pw2"));
}

}  // namespace
}  // namespace imapcopy::ctl
