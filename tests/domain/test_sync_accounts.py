"""The accounts that a sync reads."""

from shared.domain.sync_accounts import SyncAccounts

BEFORE = SyncAccounts(account_ids=("a", "b"), accounts_digest="old")


def test_accounts_that_the_provider_no_longer_lists_become_former_ones() -> None:
    after = BEFORE.accounts_read(("b", "c"), digest="new", since=BEFORE)
    assert after == SyncAccounts(account_ids=("b", "c"), accounts_digest="new", former_accounts=("a",))


def test_account_revoked_during_a_run_is_not_restored_by_it() -> None:
    after = BEFORE.remove_account("b").accounts_read(("a", "b"), digest="new", since=BEFORE)
    assert (after.account_ids, after.revoked_accounts, after.former_accounts) == (("a",), ("b",), ())


def test_a_selection_during_a_run_makes_the_next_run_write_all_accounts_again() -> None:
    after = BEFORE.reselect_accounts().accounts_read(("a", "b"), digest="new", since=BEFORE)
    assert after.accounts_digest is None
    unchanged = after.accounts_read(("a", "b"), digest="new", since=after)
    assert unchanged.accounts_digest == "new"
