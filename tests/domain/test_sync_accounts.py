"""The accounts that a sync reads."""

from shared.domain.sync_accounts import SyncAccounts

BEFORE = SyncAccounts(account_ids=("a", "b"), accounts_digest="old")


def test_accounts_that_the_provider_no_longer_lists_become_former_ones() -> None:
    after = BEFORE.accounts_read(("b", "c"), digest="new", since=BEFORE, listed=True)
    assert after == SyncAccounts(account_ids=("b", "c"), accounts_digest="new", former_accounts=("a",))


def test_account_revoked_during_a_run_is_not_restored_by_it() -> None:
    after = BEFORE.remove_account("b").accounts_read(("a", "b"), digest="new", since=BEFORE, listed=True)
    assert (after.account_ids, after.revoked_accounts, after.former_accounts) == (("a",), ("b",), ())


def test_a_selection_during_a_run_makes_the_next_run_write_all_accounts_again() -> None:
    after = BEFORE.reselect_accounts().accounts_read(("a", "b"), digest="new", since=BEFORE, listed=True)
    assert after.accounts_digest is None
    unchanged = after.accounts_read(("a", "b"), digest="new", since=after, listed=True)
    assert unchanged.accounts_digest == "new"


def test_a_revoked_account_that_was_missing_and_is_listed_again_is_shared_again() -> None:
    revoked = BEFORE.remove_account("b")
    assert revoked.shared_again(("a", "b")) == set()
    still_listed = revoked.accounts_read(("a", "b"), digest="1", since=revoked, listed=True)
    assert still_listed.shared_again(("a", "b")) == set()
    missing = still_listed.accounts_read(("a",), digest="2", since=still_listed, listed=True)
    assert missing.shared_again(("a", "b")) == {"b"}


def test_a_revoked_account_is_ignored_until_it_is_shared_again() -> None:
    revoked = BEFORE.remove_account("b")
    missing = revoked.accounts_read(("a",), digest="1", since=revoked, listed=True)
    assert missing.revoked_accounts == ("b",)
    assert missing._accounts_returned({"b"}) == {"former_accounts": (), "revoked_accounts": ()}


def test_a_former_account_whose_permission_is_withdrawn_before_it_is_read_is_not_shared_again() -> None:
    selected = BEFORE.remove_account("b").reselect_accounts()
    assert selected.remove_account("b").shared_again(("a", "b")) == set()


def test_a_roster_that_the_provider_did_not_confirm_ends_no_revocation() -> None:
    revoked = BEFORE.remove_account("b")
    unread = revoked.accounts_read(("a",), digest="1", since=revoked, listed=False)
    assert unread.shared_again(("a", "b")) == set()


def test_an_account_revoked_during_the_read_stays_ignored() -> None:
    revoked = BEFORE.remove_account("b")
    after = revoked.accounts_read(("a",), digest="1", since=BEFORE, listed=True)
    assert after.revoked_accounts == ("b",)
