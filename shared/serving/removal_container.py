"""Typed factories of the use cases of removal, built on `container.py`."""

from typing import TYPE_CHECKING

from shared.serving import container

if TYPE_CHECKING:
    from shared.usecases.removal.erase_missing_owners import EraseMissingOwners
    from shared.usecases.removal.erase_user import Eraser
    from shared.usecases.removal.move_history import MoveHistory
    from shared.usecases.removal.remove_account import RemoveAccount
    from shared.usecases.removal.remove_connection import ConnectionRemover
    from shared.usecases.removal.remove_item import ItemRemover
    from shared.usecases.removal.sweep_history_moves import SweepHistoryMoves
    from shared.usecases.removal.sweep_removals import SweepRemovals


def connection_remover() -> "ConnectionRemover":
    """Removes connections."""
    from shared.usecases.removal.remove_connection import ConnectionRemover

    return ConnectionRemover(
        connections=container.connections(),
        removals=container.removals(),
        tasks=container.tasks(),
        clock=container.clock(),
    )


def remove_account() -> "RemoveAccount":
    """Removes single accounts."""
    from shared.usecases.removal.remove_account import RemoveAccount

    return RemoveAccount(
        connections=container.connections(),
        syncs=container.syncs(),
        products=container.product_syncs(),
        status_events=container.status_events(),
        clock=container.clock(),
    )


def item_remover() -> "ItemRemover":
    """Deletes the data and items of removed connections."""
    from shared.usecases.removal.remove_item import ItemRemover

    return ItemRemover(
        removals=container.removals(),
        connection_data=container.connection_data(),
        erasures=container.erasures(),
        tasks=container.tasks(),
        ownership=container.item_ownership(),
        vault=container.vault(),
        clock=container.clock(),
    )


def eraser() -> "Eraser":
    """Erases users' bank data."""
    from shared.usecases.removal.erase_user import Eraser

    return Eraser(
        connections=container.connections(),
        intents=container.intents(),
        removals=container.removals(),
        connection_remover=connection_remover(),
        connection_data=container.connection_data(),
        erasures=container.erasures(),
        profiles=container.profiles(),
        report_lost=container.report_lost_exchange(),
        tasks=container.tasks(),
        clock=container.clock(),
    )


def erase_missing_owners() -> "EraseMissingOwners":
    """Erases the data of deleted users."""
    from shared.usecases.removal.erase_missing_owners import MAX_MISSING_SHARE, EraseMissingOwners

    is_local = container.settings().is_local  # local tests use users that Auth does not know
    share = 1.0 if is_local else MAX_MISSING_SHARE
    return EraseMissingOwners(owners=container.owners(), eraser=eraser(), max_missing_share=share)


def sweep_removals() -> "SweepRemovals":
    """Enqueues removals and erasures again."""
    from shared.usecases.removal.sweep_removals import SweepRemovals

    return SweepRemovals(
        removals=container.removals(), erasures=container.erasures(), tasks=container.tasks(), clock=container.clock()
    )


def move_history() -> "MoveHistory":
    """Moves the notes of replaced connections."""
    from shared.usecases.removal.move_history import MoveHistory

    return MoveHistory(
        moves=container.history_moves(),
        connections=container.connections(),
        syncs=container.syncs(),
        products=container.product_syncs(),
        connection_remover=connection_remover(),
        profiles=container.profiles(),
        tasks=container.tasks(),
        clock=container.clock(),
    )


def sweep_history_moves() -> "SweepHistoryMoves":
    """Enqueues moves of notes again."""
    from shared.usecases.removal.sweep_history_moves import SweepHistoryMoves

    return SweepHistoryMoves(moves=container.history_moves(), tasks=container.tasks(), clock=container.clock())
