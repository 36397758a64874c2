//! Whether kernels like 5.10 and 6.1 take the programs' jumps.
//!
//! Before it looks at what a program does, the verifier searches its control-flow graph depth
//! first (`push_insn` and `check_cfg` in kernel/bpf/verifier.c of 5.10; `visit_insn` has taken
//! over the middle of it in 6.1). Loops are allowed since 5.3, but only a jump may close one: an
//! edge from any other instruction to one whose search is under way is refused, "back-edge from
//! insn 590 to 591". Commit 10e14e9652bf (2023) lifted that. Whether a loop's head is entered by
//! a jump or from the instruction above is up to LLVM's layout, and so can change with any line of
//! code. What is here is that search.

use std::collections::HashSet;

use anyhow::{Result, ensure};
use aya_obj::{Object, generated::bpf_insn};
use camfence::kernel::object;
use camfence_common::abi::names;

/// Instruction classes and operations (`bpf_common.h` and `bpf.h` in include/uapi/linux).
const CLASS: u8 = 0x07;
const JMP: u8 = 0x05;
const JMP32: u8 = 0x06;
const OPERATION: u8 = 0xf0;
const JA: u8 = 0x00;
const CALL: u8 = 0x80;
const EXIT: u8 = 0x90;
/// In a call's source register: to another function of the program.
const PSEUDO_CALL: u8 = 1;

/// States of an instruction in the search, by the kernel's names; a discovered one also holds
/// which of its edges were followed.
const DISCOVERED: u8 = 0x10;
const EXPLORED: u8 = 0x20;
const FALLTHROUGH: u8 = 1;
const BRANCH: u8 = 2;

/// Where an instruction goes on. Targets may lie outside the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// To the next.
    Next,
    /// Nowhere.
    Exit,
    /// There.
    Jump(i64),
    /// To the next, or there.
    Branch(i64),
    /// To the next, after a function of the program's own.
    Call(i64),
}

/// What an instruction at a place means.
fn step(at: usize, instruction: bpf_insn) -> Step {
    let after = i64::try_from(at).expect("programs are short") + 1;
    let target = after + i64::from(instruction.off);
    if ![JMP, JMP32].contains(&(instruction.code & CLASS)) {
        return Step::Next;
    }
    match instruction.code & OPERATION {
        EXIT => Step::Exit,
        CALL if instruction.src_reg() == PSEUDO_CALL => {
            Step::Call(after + i64::from(instruction.imm))
        }
        CALL => Step::Next,
        JA => Step::Jump(target),
        _ => Step::Branch(target),
    }
}

/// Searches a program as 5.10 does; the error is what it says.
fn check_cfg(program: &[Step]) -> Result<(), String> {
    let mut search = Search { program, states: vec![0; program.len()], stack: vec![0] };
    search.states[0] = DISCOVERED;
    while let Some(&at) = search.stack.last() {
        if !search.visit(at)? {
            search.states[at] = EXPLORED;
            search.stack.pop();
        }
    }
    match search.states.iter().position(|&state| state != EXPLORED) {
        Some(at) => Err(format!("unreachable insn {at}")),
        None => Ok(()),
    }
}

struct Search<'a> {
    program: &'a [Step],
    states: Vec<u8>,
    stack: Vec<usize>,
}

impl Search<'_> {
    /// Follows an edge of an instruction that was not followed yet. Whether there was one to a
    /// new instruction, which is to be visited first.
    fn visit(&mut self, at: usize) -> Result<bool, String> {
        let next = i64::try_from(at).expect("programs are short") + 1;
        Ok(match self.program[at] {
            Step::Exit => false,
            Step::Next => self.push(at, next, FALLTHROUGH, false)?,
            Step::Jump(to) => self.push(at, to, FALLTHROUGH, true)?,
            Step::Branch(to) => {
                self.push(at, next, FALLTHROUGH, true)? || self.push(at, to, BRANCH, true)?
            }
            Step::Call(to) => {
                self.push(at, next, FALLTHROUGH, false)? || self.push(at, to, BRANCH, false)?
            }
        })
    }

    fn push(&mut self, from: usize, to: i64, edge: u8, loop_ok: bool) -> Result<bool, String> {
        if self.states[from] >= DISCOVERED | edge {
            return Ok(false);
        }
        let state = usize::try_from(to).ok().and_then(|to| Some((to, *self.states.get(to)?)));
        let Some((to, state)) = state else {
            return Err(format!("jump out of range from insn {from} to {to}"));
        };
        if state == 0 {
            self.states[from] = DISCOVERED | edge;
            self.states[to] = DISCOVERED;
            self.stack.push(to);
            return Ok(true);
        }
        if state == EXPLORED {
            self.states[from] = DISCOVERED | edge;
        } else if !loop_ok {
            return Err(format!("back-edge from insn {from} to {to}"));
        }
        Ok(false)
    }
}

#[test]
fn kernels_5_10_and_6_1_take_the_programs() -> Result<()> {
    let mut object = Object::parse(object::bytes())?;
    let sections: HashSet<usize> = object.functions.keys().map(|&(section, _)| section).collect();
    // Puts the functions that a program calls behind it, as they are loaded.
    object.relocate_calls(&sections)?;
    let expected =
        [names::OUTBOUND_XDP, names::OUTBOUND_XDP_FRAGS, names::OUTBOUND_TC, names::INBOUND_TC];
    assert_eq!(object.programs.len(), expected.len());
    for name in expected {
        let instructions = &object.functions[&object.programs[name].function_key()].instructions;
        let steps: Vec<Step> =
            instructions.iter().enumerate().map(|(at, &i)| step(at, i)).collect();
        ensure!(steps.len() > 100, "{name} has {} instructions", steps.len());
        assert_eq!(check_cfg(&steps), Ok(()), "{name}");
    }
    Ok(())
}

#[test]
fn a_loop_closed_by_a_jump_is_taken() {
    let closed_by_a_branch = [Step::Next, Step::Next, Step::Branch(1), Step::Exit];
    let closed_by_a_jump = [Step::Next, Step::Branch(4), Step::Next, Step::Jump(1), Step::Exit];
    assert_eq!(check_cfg(&closed_by_a_branch), Ok(()));
    assert_eq!(check_cfg(&closed_by_a_jump), Ok(()));
}

#[test]
fn a_loop_that_is_fallen_into_is_refused() {
    // A loop laid out with its second half first: 3 and 4 are its head, 1 and 2 fall into it.
    let program = [Step::Jump(3), Step::Next, Step::Next, Step::Next, Step::Branch(1), Step::Exit];
    assert_eq!(check_cfg(&program), Err("back-edge from insn 2 to 3".into()));
}

#[test]
fn no_function_calls_itself() {
    let calls_itself = [Step::Call(2), Step::Exit, Step::Call(2), Step::Exit];
    assert_eq!(check_cfg(&calls_itself), Err("back-edge from insn 2 to 2".into()));
    let calls_another = [Step::Call(2), Step::Exit, Step::Next, Step::Exit];
    assert_eq!(check_cfg(&calls_another), Ok(()));
}

#[test]
fn a_program_ends_where_it_says_and_has_no_dead_code() {
    let program = [Step::Next, Step::Next];
    assert_eq!(check_cfg(&program), Err("jump out of range from insn 1 to 2".into()));
    assert_eq!(check_cfg(&[Step::Jump(-1)]), Err("jump out of range from insn 0 to -1".into()));
    assert_eq!(check_cfg(&[Step::Exit, Step::Exit]), Err("unreachable insn 1".into()));
}

#[test]
fn instructions_are_understood() {
    let instruction = |code, source, off, imm| bpf_insn {
        code,
        _bitfield_align_1: [],
        _bitfield_1: bpf_insn::new_bitfield_1(0, source),
        off,
        imm,
    };
    for (code, source, expected) in [
        (0x18, 0, Step::Next),      // r0 = 64-bit immediate, and what follows it
        (0x00, 0, Step::Next),      // its second half
        (0x79, 1, Step::Next),      // r0 = *(u64 *)(r1 - 3)
        (0x05, 0, Step::Jump(8)),   // goto -3
        (0x1d, 1, Step::Branch(8)), // if r0 == r1 goto -3
        (0x16, 0, Step::Branch(8)), // if w0 == 20 goto -3
        (0x85, 0, Step::Next),      // call of helper 20
        (0x85, 1, Step::Call(31)),  // call of the function 20 further on
        (0x95, 0, Step::Exit),      // exit
    ] {
        assert_eq!(step(10, instruction(code, source, -3, 20)), expected, "{code:#x}");
    }
}
